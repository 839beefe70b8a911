namespace Memoir.Tests.Server.Quality.Detection;

/// <summary>
/// Lines in which something is to be found: it stands as ⟦kind|text⟧. Every dot in the middle (·) is taken out before a line is
/// used, so that none of these made-up secrets stands in the repository as one.
/// </summary>
internal static class SensitiveLines
{
    public const string All = """
        here you go: ⟦github_token|gh·p_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8⟧
        ⟦github_token|gh·o_0aZ1bY2cX3dW4eV5fU6gT7hS8iR9jQ0kP1lO2m⟧
        export GH_TOKEN=⟦github_token|gh·s_0aZ1bY2cX3dW4eV5fU6gT7hS8iR9jQ0kP1lO2m⟧
        (⟦github_token|gh·u_9zZ1bY2cX3dW4eV5fU6gT7hS8iR9jQ0kP1lO2m⟧) is the user one
        refresh=⟦github_token|gh·r_9zZ1bY2cX3dW4eV5fU6gT7hS8iR9jQ0kP1lO2m⟧&x=1
        my fine-grained one: ⟦github_token|github·_pat_11ABCDEFG0a1B2c3D4e5F6_g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6a7B8c9D0e1F2g3H4i5J⟧.
        two of them ⟦github_token|gh·p_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8⟧ and ⟦gitlab_token|gl·pat-xY12_zW34-vU56tS78rQ9⟧
        CI uses ⟦gitlab_token|gl·pat-a1B2c3D4e5F6g7H8i9J0⟧ for pushes
        runner ⟦gitlab_token|gl·rt-t1_a1B2c3D4e5F6g7H8i9J0⟧
        deploy with "⟦gitlab_token|gl·dt-a1B2c3D4e5F6g7H8i9J0⟧" please
        ⟦slack_token|xo·xb-123456789012-1234567890123-a1B2c3D4e5F6g7H8i9J0k1L2⟧
        the bot is ⟦slack_token|xo·xp-998877665544-112233445566-abcdef012345⟧, ask Tim
        socket mode: ⟦slack_token|xa·pp-1-A012BCDEF34-1234567890123-0a1b2c3d4e5f⟧
        post to https://⟦slack_token|hooks·.slack.com/services/T01ABCDEF/B02GHIJKL/a1B2c3D4e5F6g7H8i9J0k1L2⟧
        maps key ⟦google_api_key|AI·zaSyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q⟧
        https://maps.example.org/api?v=3&key=⟦google_api_key|AI·zaSyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q⟧&callback=x
        ⟦stripe_key|sk·_live_4eC39HqLyjWDarjtT1zdp7dc⟧
        restricted: ⟦stripe_key|rk·_live_4eC39HqLyjWDarjtT1zdp7dc⟧
        use ⟦stripe_key|sk·_test_4eC39HqLyjWDarjtT1zdp7dc⟧ in staging
        ⟦stripe_key|rk·_test_51H8a1B2c3D4e5F6g7H8i9J0⟧
        OPENAI_API_KEY=⟦openai_key|s·k-a1B2c3D4e5F6g7H8i9J0T3BlbkFJk1L2m3N4o5P6q7R8s9T0⟧
        key: ⟦openai_key|s·k-proj-a1B2c3D4e5F6g7H8i9J0_k1L2m3N4o5P6q7R8s9T0-u1V2⟧
        service account ⟦openai_key|s·k-svcacct-a1B2c3D4e5F6g7H8i9J0k1L2m3N4⟧!
        ANTHROPIC_API_KEY="⟦anthropic_key|s·k-ant-api03-a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0-AA⟧"
        the claude one is ⟦anthropic_key|s·k-ant-a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5⟧ I think
        memoir says ⟦memoir_key|m·k_a1B2c3D4_e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z⟧
        X-API-Key: ⟦memoir_key|m·k_Zz9Yy8Xx_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0-_V⟧
        aws_access_key_id = ⟦aws_access_key|AK·IA2E0A8F3B244C9986⟧
        old keys ⟦aws_access_key|AK·IAZ7XQ5R3W1V9T8S6P⟧, and temporary ⟦aws_access_key|AS·IAZ7XQ5R3W1V9T8S6P⟧
        aws_secret_access_key = ⟦aws_access_key|wJalrXUtnFEMI/K7MDENG+bPxRfiCYzzzz1234ab⟧
        AWS_SECRET_ACCESS_KEY=⟦aws_access_key|aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5zA7b⟧
        "secretAccessKey": "⟦aws_access_key|aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5zA7b⟧",
        ⟦jwt|ey·JhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.ey·JzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U⟧
        token expired again: ⟦jwt|ey·JhbGciOiJSUzI1NiJ9.ey·Jpc3MiOiJtZSJ9.c2lnbmF0dXJlLW9mLW1pbmU⟧.
        session=⟦jwt|ey·JhbGciOiJFUzI1NiJ9.ey·Jpc3MiOiJtZSJ9.c2lnbmF0dXJlLW9mLW1pbmU⟧; path=/
        Authorization: Bearer ⟦authorization|2YotnFZFEjr1zCsicMWpAA⟧
        authorization: bearer ⟦authorization|mF_9.B5f-4.1JqM⟧
        curl -H 'Authorization: Bearer ⟦authorization|0a1b2c3d4e5f6071⟧' https://api.example.org
        "Authorization": "Bearer ⟦jwt|ey·JhbGciOiJSUzI1NiJ9.ey·Jpc3MiOiJtZSJ9.c2lnbmF0dXJlLW9mLW1pbmU⟧"
        Authorization: Basic ⟦authorization|QWxhZGRpbjpvcGVuIHNlc2FtZQ==⟧
        Authorization: Basic ⟦authorization|dXNlcjpwYXNzd29yZA==⟧
        Proxy-Authorization: Basic ⟦authorization|dXNlcjpodW50ZXIy⟧
        headers = {'Authorization': 'token ⟦github_token|gh·p_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8⟧'}
        Authorization: ⟦authorization|5f4dcc3b5aa765d61d8327deb882cf99⟧
        postgresql://memoir:⟦url_password|s3cret⟧@127.0.0.1:5432/memoir
        mongodb+srv://app:⟦url_password|Qwe!rty⟧@cluster0.example.net/db
        redis://:⟦url_password|correcthorse⟧@cache:6379/0
        amqp://guest:⟦url_password|guest⟧@localhost
        clone https://bob:⟦github_token|gh·p_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8⟧@github.com/x/y.git
        https://jo:⟦url_password|p@ss⟧@example.com/x
        <ftp://anonymous:⟦url_password|letmein⟧@files.example.org>
        password: ⟦assigned_secret|hunter2⟧
        Password = ⟦assigned_secret|Tr0ub4dor&3⟧
        my password is ⟦assigned_secret|hunter2⟧
        My password is: ⟦assigned_secret|S3cure#Pass⟧.
        my new password is now ⟦assigned_secret|blue42fish⟧ ok?
        my password for the shop is ⟦assigned_secret|Sunny2Day⟧, remember it
        the wifi password is "⟦assigned_secret|sunflower⟧"
        the wifi password at home is ⟦assigned_secret|guest1234⟧!
        remember that the password was ⟦assigned_secret|0451⟧
        passcode: ⟦assigned_secret|482913⟧
        pwd=⟦assigned_secret|Abc123!⟧;database=main
        Server=db;User Id=sa;Password=⟦assigned_secret|Y0urStr0ng!Pw⟧;Encrypt=true
        DB_PASSWORD=⟦assigned_secret|s3cr3t⟧
        export MYSQL_PWD='⟦assigned_secret|geheim⟧'
        SMTP_PASS=⟦assigned_secret|m4ilpa55⟧
        spring.datasource.password: ⟦assigned_secret|x9!kLm⟧
        --password ⟦assigned_secret|hunter2⟧ --verbose
        mysqldump --password=⟦assigned_secret|hunter2⟧ db
        {"user":"jo","password":"⟦assigned_secret|letmein⟧"}
        {\"password\": \"⟦assigned_secret|letmein⟧\"}
        password: '⟦assigned_secret|open-sesame⟧'
        **Password:** ⟦assigned_secret|Ab12cd34⟧
        <password>⟦assigned_secret|Ab12cd34⟧</password>
        passphrase: "⟦assigned_secret|correct horse battery staple⟧"
        passwd: ⟦assigned_secret|x1y2z3⟧
        userPassword = "⟦assigned_secret|Winter2024⟧"
        api_key = ⟦assigned_secret|0123abcd4567ef89⟧
        apiKey: "⟦assigned_secret|Zx81Qy72Wv63⟧"
        API-KEY: ⟦assigned_secret|f00dbabe1234cafe⟧
        the api key is ⟦assigned_secret|Zx81Qy72Wv63⟧
        x-api-key=⟦assigned_secret|k9j8h7g6f5d4s3a2⟧
        client_secret: ⟦assigned_secret|GOC-a1B2c3D4e5F6g7⟧
        clientSecret="⟦assigned_secret|dGhpc2lzYXNlY3JldA1⟧"
        SECRET_KEY = '⟦assigned_secret|django-insecure-1x2y3z4w⟧'
        secret: ⟦assigned_secret|n0tSoSecret⟧
        access_token=⟦assigned_secret|ya29a0AfH6SMBx1⟧&expires_in=3600
        accessToken: ⟦assigned_secret|a1b2c3d4e5f6⟧
        refresh_token = ⟦assigned_secret|1//0gabcDEF123456⟧
        "token": "⟦assigned_secret|550e8400-e29b-41d4-a716-446655440000⟧"
        token=⟦assigned_secret|qWeRtYuIoPaSdFgHjKlZ⟧
        the token is ⟦assigned_secret|abc123def456⟧
        auth-token: ⟦assigned_secret|9f8e7d6c5b4a3210⟧
        private_key=⟦assigned_secret|0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318⟧
        Passwort: ⟦assigned_secret|Geheim123⟧
        das Passwort ist ⟦assigned_secret|Sommer2024⟧!
        mein WLAN-Passwort lautet ⟦assigned_secret|birne77baum⟧
        Kennwort = ⟦assigned_secret|abc12345⟧
        la contraseña es ⟦assigned_secret|perro99gato⟧
        le mot de passe est ⟦assigned_secret|chat2chien⟧
        my card is ⟦payment_card|4111 1111 1111 1111⟧
        ⟦payment_card|4111111111111111⟧
        visa ⟦payment_card|4012-8888-8888-1881⟧, exp 12/27
        mastercard ⟦payment_card|5555555555554444⟧
        new range ⟦payment_card|2223 0031 2200 3222⟧
        amex ⟦payment_card|3782 822463 10005⟧ ok
        amex too: ⟦payment_card|371449635398431⟧
        diners ⟦payment_card|3056 9309 0259 04⟧
        diners ⟦payment_card|30569309025904⟧.
        discover ⟦payment_card|6011111111111117⟧
        jcb ⟦payment_card|3530-1113-3330-0000⟧
        unionpay ⟦payment_card|6200000000000005⟧
        maestro ⟦payment_card|6759649826438453⟧
        old visa ⟦payment_card|4222 2222 22222⟧
        card:⟦payment_card|4242424242424242⟧ cvc 123
        pay with ⟦payment_card|5105 1051 0510 5100⟧ or ⟦payment_card|4000 0566 5566 5556⟧
        IBAN ⟦iban|DE89 3704 0044 0532 0130 00⟧
        ⟦iban|DE89370400440532013000⟧
        send it to ⟦iban|GB82 WEST 1234 5698 7654 32⟧ please
        ⟦iban|FR14 2004 1010 0505 0001 3M02 606⟧
        ch: ⟦iban|CH93 0076 2011 6238 5295 7⟧
        nl ⟦iban|NL91ABNA0417164300⟧.
        at=⟦iban|AT611904300234573201⟧
        es ⟦iban|ES91 2100 0418 4502 0005 1332⟧
        pl ⟦iban|PL61109010140000071219812874⟧
        be ⟦iban|be68539007547034⟧
        no: ⟦iban|NO93 8601 1117 947⟧
        write to ⟦email|jo@example.com⟧
        ⟦email|jo.doe+news@mail.example.co.uk⟧, thanks
        mailto:⟦email|info@example.org⟧
        From: Jo <⟦email|jo_doe@example.org⟧>
        reach me at ⟦email|JO@EXAMPLE.COM⟧.
        ⟦email|jürgen@müller.de⟧
        "⟦email|a1@b2.io⟧"
        cc ⟦email|x-y@z-w.museum⟧ and ⟦email|q@r.st⟧
        email=⟦email|jo@example.com⟧&x=1
        call ⟦phone|+49 170 1234567⟧
        ⟦phone|+491701234567⟧
        ⟦phone|+1 212 555 0199⟧
        ⟦phone|+1 (212) 555-0199⟧ after six
        ⟦phone|+1-212-555-0199⟧
        ⟦phone|+12125550199⟧
        ⟦phone|+1.212.555.0199⟧
        ⟦phone|+44 20 7946 0958⟧
        ⟦phone|+44 (0)20 7946 0958⟧
        ⟦phone|+33 1 23 45 67 89⟧
        ⟦phone|+39 06 1234 5678⟧
        ⟦phone|+86 138 0013 8000⟧
        ⟦phone|+7 (495) 123-45-67⟧
        ⟦phone|+971 50 123 4567⟧, Dubai
        (⟦phone|+49 30 123456⟧)
        tel:⟦phone|+4930123456⟧
        ⟦phone|0049 170 1234567⟧
        ⟦phone|(212) 555-0199⟧
        ⟦phone|212-555-0199⟧
        ⟦phone|212.555.0199⟧
        ⟦phone|1-800-555-0199⟧ toll free
        (⟦phone|212-555-0199⟧)
        fax ⟦phone|0170 1234567⟧
        ⟦phone|030/1234567⟧
        ⟦phone|030 / 12 34 56 78⟧
        ⟦phone|(030) 1234567⟧
        ⟦phone|0171-2345678⟧
        ⟦phone|020 7946 0958⟧
        ⟦phone|07700 900123⟧ at 10:30
        ⟦phone|01 23 45 67 89⟧
        ⟦phone|01.23.45.67.89⟧
        ⟦phone|03-1234-5678⟧
        ⟦phone|090-1234-5678⟧
        ⟦phone|0412 345 678⟧
        ⟦phone|8 (495) 123-45-67⟧
        {"log":"done.\n⟦github_token|gh·p_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8⟧\nnext"}
        {"log":"done.\r\n⟦aws_access_key|AK·IA2E0A8F3B244C9986⟧ and more"}
        {"log":"a\t⟦jwt|ey·JhbGciOiJSUzI1NiJ9.ey·Jpc3MiOiJtZSJ9.c2lnbmF0dXJlLW9mLW1pbmU⟧\tb"}
        {"log":"a\n⟦openai_key|s·k-a1B2c3D4e5F6g7H8i9J0T3BlbkFJk1L2m3N4o5P6q7R8s9T0⟧"}
        {\"log\":\"a\\n⟦stripe_key|rk·_live_4eC39HqLyjWDarjtT1zdp7dc⟧\"}
        {"env":"HOST=db\npwd=⟦assigned_secret|Abc123!⟧ USER=x"}
        {"env":"HOST=db\r\nsecret_key=⟦assigned_secret|a1b2c3d4e5f6⟧ x"}
        {"env":"HOST=db\tapi_key=⟦assigned_secret|0123abcd4567ef89⟧ x"}
        {"run":"psql\n--password ⟦assigned_secret|hunter2⟧ -h db"}
        {"curl":"GET /\r\nAuthorization: Bearer ⟦authorization|2YotnFZFEjr1zCsicMWpAA⟧\r\nHost: x"}
        {"text":"my account\n⟦iban|DE89370400440532013000⟧\nthanks"}
        {"text":"my account\t⟦iban|NL91ABNA0417164300⟧\tthanks"}
        {"text":"my card\n⟦payment_card|4111 1111 1111 1111⟧\nthanks"}
        {"text":"my card\r⟦payment_card|4012-8888-8888-1881⟧\rthanks"}
        {"text":"call me\n⟦phone|+49 170 1234567⟧\nthanks"}
        {"text":"call me\t⟦phone|0171-2345678⟧\nthanks"}
        {"text":"call me\n(⟦phone|+49 30 123456⟧)"}
        {"text":"write to\n⟦email|bob@example.org⟧\nthanks"}
        {"text":"write to\t⟦email|tom.bob@example.org⟧\r\nor\r\n⟦email|rob@example.org⟧"}
        HTTP_AUTHORIZATION=Bearer ⟦authorization|2YotnFZFEjr1zCsicMWpAA⟧
        my password for my old laptop is ⟦assigned_secret|blue42fish⟧
        the password to my mail account is ⟦assigned_secret|blue42fish⟧
        the password of the router in the hall is ⟦assigned_secret|blue42fish⟧
        my password currently is ⟦assigned_secret|blue42fish⟧
        the password I use is ⟦assigned_secret|blue42fish⟧
        mein Passwort für den Laden ist ⟦assigned_secret|Sommer2024⟧
        the token for the api is ⟦assigned_secret|a1b2c3d4e5f6g7⟧
        the secret code is ⟦assigned_secret|a1b2c3d4e5f6⟧
        the token I use is ⟦assigned_secret|a1b2c3d4e5f6⟧
        the api key to the weather service is ⟦assigned_secret|Zx81Qy72Wv63⟧
        the secret key of the camera is ⟦assigned_secret|Zx81Qy72⟧
        my password value is ⟦assigned_secret|hunter2⟧, and my password manager is 1Password
        the api key is "⟦assigned_secret|Zx81Qy72Wv63⟧"
        secret_key: ⟦assigned_secret|blue-Horse7x9Zq2⟧
        token=⟦assigned_secret|tok_a1B2c3D4e5⟧
        DB_PASSWORD=⟦assigned_secret|blue_horse_2⟧
        the client secret is ⟦assigned_secret|GOCa1B2c3D4e5F6g7⟧
        the secret key is ⟦assigned_secret|a1b2c3d4e5⟧
        Jo, ⟦email|jo@example.com⟧, ⟦phone|+49 170 1234567⟧, card ⟦payment_card|4111 1111 1111 1111⟧, ⟦iban|DE89370400440532013000⟧, pw: password=⟦assigned_secret|hunter2⟧
        """;
}
