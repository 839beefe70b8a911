using System.Security.Cryptography;
using System.Text;
using Memoir.Kit.Data;
using Memoir.Kit.Files;
using Memoir.Kit.Security;
using Microsoft.Extensions.Options;

namespace Memoir.Tests.Kit.Security;

/// <summary>What an installation signs and derives: the same from the same secret, checkable by strangers, nothing across purposes.</summary>
public sealed class InstanceKeysTests : IDisposable
{
    private const string Old = "0123456789abcdef0123456789abcdef-old";
    private const string New = "fedcba9876543210fedcba9876543210-new";

    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-keys-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void One_secret_makes_the_same_keys_everywhere()
    {
        using var one = new InstanceKeys([New]);
        using var other = new InstanceKeys([New]);

        Assert.Equal(one.KeyId, other.KeyId);
        Assert.Equal(one.Derive("backup", null), other.Derive("backup", one.KeyId));
        Assert.True(other.Verify("receipt", "data"u8, one.Sign("receipt", "data"u8)));
        Assert.NotEqual(one.Derive("backup", null), one.Derive("archive", null));
    }

    [Fact]
    public void A_stranger_checks_a_signature_with_the_public_key_alone()
    {
        using var keys = new InstanceKeys([New]);
        var signature = keys.Sign("receipt", "data"u8);
        using var stranger = ECDsa.Create();
        stranger.ImportFromPem(Assert.Single(keys.PublicKeys).Pem);

        var bytes = System.Buffers.Text.Base64Url.DecodeFromChars(signature.Value);

        Assert.True(stranger.VerifyData(Encoding.UTF8.GetBytes("receipt\0data"), bytes, HashAlgorithmName.SHA256));
    }

    [Fact]
    public void Another_purpose_text_key_or_spelling_is_refused()
    {
        using var keys = new InstanceKeys([New]);
        using var others = new InstanceKeys([Old]);
        var signature = keys.Sign("receipt", "data"u8);

        Assert.False(keys.Verify("checkpoint", "data"u8, signature));
        Assert.False(keys.Verify("receipt", "date"u8, signature));
        Assert.False(others.Verify("receipt", "data"u8, signature));
        Assert.False(keys.Verify("receipt", "data"u8, others.Sign("receipt", "data"u8)));
        Assert.False(keys.Verify("receipt", "data"u8, signature with { Value = "not base64url!" }));
        Assert.False(keys.Verify("receipt", "data"u8, signature with { Value = "" }));
    }

    [Fact]
    public void After_a_rotation_the_old_secret_still_checks_and_opens_while_the_new_one_signs()
    {
        using var before = new InstanceKeys([Old]);
        using var after = new InstanceKeys([New, Old]);

        Assert.True(after.Verify("receipt", "data"u8, before.Sign("receipt", "data"u8)));
        Assert.Equal(before.Derive("backup", null), after.Derive("backup", before.KeyId));
        Assert.NotEqual(before.KeyId, after.KeyId);
        Assert.Equal([true, false], after.PublicKeys.Select(key => key.IsCurrent));
        Assert.Throws<KeyNotFoundException>(() => before.Derive("backup", after.KeyId));
    }

    [Fact]
    public void Without_a_setting_the_secret_is_a_private_file_that_stays()
    {
        using var first = Open("");
        using var second = Open("");

        Assert.Equal(first.KeyId, second.KeyId);
        Assert.Equal([Path.Combine(_folder, InstanceKeys.FileName)], Directory.GetFiles(_folder));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(DurableFiles.Private, File.GetUnixFileMode(Path.Combine(_folder, InstanceKeys.FileName)));
        }
    }

    [Fact]
    public void With_a_setting_no_file_is_made()
    {
        using var keys = Open($"{New},{Old}");

        Assert.Equal(2, keys.PublicKeys.Count);
        Assert.Empty(Directory.GetFiles(_folder));
    }

    [Theory]
    [InlineData("")]
    [InlineData("# only a remark\n")]
    [InlineData("too short\n")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n")]
    public void A_damaged_file_stops_the_start_and_is_left_alone(string text)
    {
        var path = Path.Combine(_folder, InstanceKeys.FileName);
        File.WriteAllText(path, text);

        var refusal = Assert.Throws<StartupException>(() => Open(""));

        Assert.StartsWith("MEMORY_SECRET_KEY: is not set, and the secret in ", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(text, File.ReadAllText(path));
    }

    [Theory]
    [InlineData("short")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public void A_weak_setting_is_refused_without_being_repeated(string weak)
    {
        var result = new SecurityOptionsValidator().Validate(null, new SecurityOptions { SecretKey = $"{New},{weak}" });

        Assert.True(result.Failed);
        Assert.DoesNotContain(weak, result.FailureMessage, StringComparison.Ordinal);
    }

    private InstanceKeys Open(string setting) =>
        new(Options.Create(new SecurityOptions { SecretKey = setting }), Options.Create(new DatabaseOptions { DataDirectory = _folder }));
}
