namespace Memoir.Tests.Server.Quality.Detection;

/// <summary>Lines of everyday talk, code, numbers and dates in which nothing is to be found. Dots in the middle (·) are taken out here too.</summary>
internal static class OrdinaryLines
{
    public const string All = """
        Hi, how are you today?
        My name is Jonas and I live in Oslo.
        I prefer tea over coffee, especially in the morning.
        Let's meet at 10:30 on 2026-03-14 in room 204.
        The train leaves at 09:05 from platform 7.
        Meeting 14:00-15:30, then lunch.
        My birthday is 12.05.1987.
        born 1987-05-12, moved 2011-09-01
        deadline: 03/04/2026
        it happened on 01-02-2024
        2026-11-22T10:28:44Z
        2026-11-22T10:28:44.123456+01:00
        2026-11-22 10:28:44 +0100
        Sun, 22 Nov 2026 10:28:44 +0000
        UTC+02:00 is fine, so is +0530
        The invoice is about 1,249.99 EUR.
        It costs $19.99, was $24.99.
        price: 1.234.567,89
        1 234 567 people live there
        we have 12 000 000 users now
        growth of +12% and -3.5%
        +100 points for you
        +1000000
        score 3:2 after 90 minutes
        order number 10023456789
        Order #4711-0815-22
        ticket 123-456-789
        invoice 2024-000123
        tracking number 1Z999AA10123456784
        parcel 00340434161094022115
        customer 0012345678
        EAN 4006381333931
        barcode 5901234123457
        ISBN 978-3-16-148410-0
        ISBN 0-306-40615-2
        isbn 9783161484100
        ISSN 2049-3630
        version 1.22.333
        v2.0.0-rc.1+build.20240115
        1.0.0+20130313144700
        upgraded from 10.0.1 to 10.0.2
        Windows 10.0.19045.3803
        192.168.1.10
        10.0.0.1:8080
        255.255.255.255
        fe80::1ff:fe23:4567:890a
        2001:db8:85a3::8a2e:370:7334
        00:1A:2B:3C:4D:5E
        01-23-45-67-89-AB
        52.520008, 13.404954
        +52.520008, +13.404954
        lat -33.868820 lon 151.209290
        40.7128° N, 74.0060° W
        pi is 3.14159265358979
        0.1111111111111111
        4111.1111111111111
        e = 2.718281828459045
        6.02214076e23
        0x4111111111111111
        1700000000
        1700000000000
        1700000000000000
        unix time 1732271324
        id 7f3c9d2e-8b1a-4c6d-9e0f-123456789abc
        550e8400-e29b-41d4-a716-446655440000
        018f3c9d-2e8b-7a4c-8d9e-0f1234567890
        trace 4bf92f3577b34da6a3ce929d0e0e4736
        e3ccc491b7a2f0d9c8b7a6f5e4d3c2b1a0f9e8d7
        commit 623fa963 by maintainers
        git revert 9fceb02d0ae598e95dc970b74767f19372d61af8
        sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
        md5 d41d8cd98f00b204e9800998ecf8427e
        integrity sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==
        image@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
        4111 1111 1111 1112
        4111111111111112
        1234 5678 9012 3456
        1234567890123456
        9999 9999 9999 9999
        0000 0000 0000 0000
        2024 2025 2026 2027
        1000 2000 3000 4000
        1111 2222 3333 4444
        5555 5555 5555 5555
        3.1415 9265 3589 7932
        DE89 3704 0044 0532 0130 01
        DE00370400440532013000
        AB12 3456 7890
        ZZ89370400440532013000
        IT12 is the room
        room DE10, seat 14
        license plate B-AB 1234
        flight LH 1234 at gate A12
        DE 2024 is my passport year
        npm install left-pad@1.3.0
        "@types/node@18.11.9"
        jquery@3.6.0.min.js
        logo@2x.png
        icon@3x.jpg and icon@2x.webp
        @jonas please review
        thanks @anna-lena!
        user@localhost
        root@server:~#
        git@github.com:example/repo.git
        git clone git@gitlab.example.com:team/app.git
        ssh://git@github.com/example/repo.git
        https://jo@example.com/path
        a@b
        a@b.c
        @example.com
        jo@
        jo@.com
        foo@1.2.3
        meet @ 10.30am
        5 @ 3.50 each
        @Component({selector: 'app-root'})
        @media (max-width: 600px) { }
        https://example.org/a?b=c&d=e
        https://example.org:8443/path
        https://example.org/@jonas/post:12
        http://localhost:3000
        https://user@example.org
        https://${USER}:${PASSWORD}@example.org
        https://user:<password>@example.org
        postgres://user:****@db/main
        postgresql://$USER:$PASSWORD@host/db
        redis://cache:6379/0
        file:///home/jo/notes.txt
        the password is wrong
        The password is wrong!
        the password is required
        password is required.
        The password is too short, it needs 8 characters
        your password is too weak
        password must have at least 8 characters
        password: at least 12 characters
        Password: 8-64 characters
        password is case-sensitive
        the password is stored as SHA-256
        the password is bcrypt-hashed
        password is base64-encoded
        the password is in the vault
        my password is the same as before
        the password is not set
        the password is 8 characters long
        the password was changed in 2023
        I forgot my password
        I changed the password yesterday, 12 May
        password reset link sent
        reset your password here: https://example.org/reset
        Passwords expire after 90 days
        passwordless login since 2024
        password_hash = hash(password)
        password:
        password: ********
        password: xxxxxxxx
        password: ...
        password: <your password>
        password: ${DB_PASSWORD}
        password: $PASSWORD
        PASSWORD=%DB_PASS%
        password = getPassword()
        password = request.form['password']
        password = os.environ["DB_PASSWORD"]
        password: process.env.DB_PASSWORD
        password: string
        password: string;
        "password": "string"
        "password": "required"
        { type: "password", name: "password" }
        <input type="password" name="password" id="pw1">
        password: str = Field(min_length=8)
        string password, CancellationToken ct
        if (password == null) return;
        password: int64
        password: varchar(255)
        <label for="password">Password</label>
        password: [masked:assigned_secret]
        Authorization: Bearer [masked:jwt]
        https://u:[masked:url_password]@example.org
        the secret is out!
        The secret of a good soup is time.
        secret: true
        it's a secret
        secretary: Anna 2
        secret santa on 24.12.2025
        the secret ingredient is love
        kubectl get secret my-secret-1 -n prod
        secretKeyRef: name
        the token is expired
        the token is valid for 3600 seconds
        token: CancellationToken
        token = tokens[0]
        token = request.headers.authorization
        token = user1.token
        token_type: Bearer
        tokens: 4096
        max_tokens=4096
        total tokens 15234, cost $0.03
        the tokenizer reads 12000 words
        token count is 1200
        token: null
        token = await getToken()
        const token = generateToken(user.id);
        ${{ secrets.GITHUB_TOKEN }}
        token: ${{ secrets.NPM_TOKEN }}
        GITHUB_TOKEN=your_token_here
        api_key=YOUR_API_KEY
        api_key: <insert key>
        the api key is missing
        "api_key": "your-api-key-1234"
        apiKey: process.env.API_KEY
        OAuth2 and SHA256 are standards
        token: OAuth2
        Authorization: Bearer <token>
        Authorization: Bearer YOUR_TOKEN
        Authorization: Bearer $TOKEN
        Authorization: Bearer ...
        Authorization header is missing
        the Authorization header must be "Bearer" and a token
        authorization: none
        My password manager is 1Password
        Our password manager is now Bitwarden2
        The password vault is 1Password7
        The password policy is 90-day
        The password rotation is 90-day
        password rotation is 30-day, not 90-day
        The password type is Win32-only
        The password limit is 64chars
        The password length is 12-16chars
        My password hint is fluffy2cats
        The password generator is KeePass2
        The password field is input1
        The password strength is A1-grade
        The password reset is 2-step
        The password is 2-factor protected
        The password is 256-bit encrypted
        The password is 2FA-protected
        The password was 1Password-generated
        The password is 12-characters long
        The password is SHA512-hashed
        Password: 90-day rotation
        password manager: 1Password7
        Our secret weapon is Formula409
        Our secret weapon was Pier39
        The secret to good pizza is 00-flour
        The secret to a good night is 8-hours
        The secret to success is Plan9
        The secret of the soup is 7-spice
        The secret behind it is Formula409x
        My secret is 5-minute meditation
        My secret is 20-minute naps
        The secret is 24-hour fermentation
        The secret is WD40spray
        The secret is ERC20-compatible-tokens
        Secret: 5-minute meditation a day
        The best kept secret in town is Pier39
        The best kept secret of Rome is Trastevere24
        Her secret ingredient is Maggi2000
        The secret level is World8-4
        The secret santa budget is 20euros
        the secret agent was Agent007x
        The secret service is MI6-like
        The token standard is ERC-1155
        The token standard is ERC1155
        The token is ERC-1155
        Token: ERC-1155
        The token is ERC20-compatible
        The token type is Bearer2
        The token limit is 128ktokens
        The token price is 12dollars
        The token name is Chainlink2024
        The token for the subway is 2-dollar
        The token was 2024-01-15T10:00:00Z
        secret: 2024-05-01T10:00Z
        The api key rotation is 90-days
        The api key limit is 100requests
        The secret we all love is Pier39
        The secret phrase is 5-minute-meditation
        My favourite password manager for work is 1Password7
        The password book on my desk is A5-sized
        Our token of thanks is Chanel5-gift-box
        token economy is Web3-native-stuff2
        The password protector is Norton360
        Her password habit is 1-for-all
        The api key manager is Vault2023server
        The access key holder is Building7guard
        token = user_token_2
        token = userToken2;
        token: access_token_1,
        const secret = client_secret_2
        api_key = apiKey1
        PWD=C:\Users\bob2
        PWD=D:/work/project2
        pwd=\\server01\share2
        {"log":"done.\nhello\n2024-01-02\tok"}
        C:\notes\readme2\temp3
        bearer of good news
        basic training
        Basic English grammar
        gh·p_short
        gh·p_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
        tokens begin with gh·p_ or github·_pat_
        s·k-learn-something-new-every-single-day
        scikit, s·k-toggleable__control and risk-management
        task-force-number-one-hundred-and-twenty
        .s·k-folding-cube-animation-2-delayed-by-half
        desk-lamp and disk-1234567890
        AK·IA is a prefix
        AK·IAAAAAAAAAAAAAAAAA
        ASIA 2024 and ASIAN food
        EURASIA1234567890ABCDEF
        AI·za is how they begin
        xo·xb- is the bot prefix
        gl·pat- is the prefix
        m·k_dir and mk_test
        sk·_live_ is for production
        eyJhbGciOi is the start of a token
        ey·JhbGciOiJIUzI1NiJ9
        ey·JhbGciOiJIUzI1NiJ9.payload
        ey·Jub3QiOiJhIGhlYWRlciJ9.ey·JzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N
        monkeyJungle.first.secondthirdfourth
        -----BEGIN CERTIFICATE-----
        -----BEGIN PUBLIC KEY-----
        starts with -----BEGIN PRIVATE KEY----- and ends with -----END PRIVATE KEY-----
        555-1234
        call extension 4711
        call me maybe
        dial 112 or 911
        room 030
        0800-1700
        (123) 456-7890
        123-456-7890
        123 456 7890
        2125550199
        250 300 4000
        12 34 56 78 90
        10 20 30 40 50
        01 02 03 04
        00 11 22 33 44
        1-2-3-4-5
        0.123 0.456 0.789
        $212-555-0199
        €030 1234567
        id-212-555-0199
        212-555-0199-1
        212.555.0199.8
        x030 1234567
        +49
        +49 170
        +1 234
        +1 000 000 0000
        +20 000 000
        a+491701234567
        2+12345678
        C++ 2011 2014 2017 2020
        social security 123-45-6789
        GPIO pins: 13 17 27 22
        f(x) = 3x + 4111
        3 + 4 = 7, 12 * 12 = 144
        matrix [1 0 0; 0 1 0; 0 0 1]
        SELECT * FROM users WHERE id = 42;
        var total = items.Sum(item => item.Price * 1.19m);
        for (var i = 0; i < 1000000; i++) { }
        #ff8800 and rgb(255, 136, 0)
        color: #4a90e2;
        width: 1234px; height: 5678px
        1080p, 4K, 24 fps
        100 km in 3 h 20 min
        75.5 kg at 1.82 m
        recipe: 250 g flour, 3 eggs, 100 ml milk
        Chapter 12, page 345-367
        Psalm 23:1-4
        §§ 1-3 and Art. 6 (1) (f)
        Friends S03E14 was funny
        Boeing 747-400, Airbus A320-200
        Bus 100 to Alexanderplatz at 17:42
        9 out of 10 said yes (90.0%)
        It is 21 °C, feels like 19 °C.
        Das ist ein ganz normaler Satz mit Umlauten: äöüß.
        Ça coûte 12 € à peu près.
        Привет, как дела? Встреча в 10:00.
        今日は2024年5月12日です。電話してください。
        The quick brown fox jumps over the lazy dog.
        """;
}
