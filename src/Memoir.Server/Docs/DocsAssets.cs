using System.Collections.Frozen;
using System.IO.Compression;
using System.Security.Cryptography;

namespace Memoir.Server.Docs;

/// <summary>The files of the API reference, held inside the program: the page asks no other host for anything.</summary>
internal sealed class DocsAssets
{
    public const string SwaggerVersion = "5.35.0";
    public const string Page = "reference.html";

    private const string Folder = "Memoir.Server.Docs.Assets.";
    private const string Compressed = ".gz";

    private readonly FrozenDictionary<string, DocsAsset> _files = Read();

    public IEnumerable<string> Names => _files.Keys;

    public DocsAsset? Find(string name) => _files.GetValueOrDefault(name);

    /// <summary>The address of a file: it changes with the content, so that it can be kept for ever.</summary>
    public string AddressOf(string name) => $"/docs/assets/{name}?v={_files[name].Version}";

    private static FrozenDictionary<string, DocsAsset> Read()
    {
        var assembly = typeof(DocsAssets).Assembly;
        var names = assembly.GetManifestResourceNames().Where(name => name.StartsWith(Folder, StringComparison.Ordinal));
        return names.Select(name => Read(assembly.GetManifestResourceStream(name)!, name[Folder.Length..])).ToFrozenDictionary(file => file.Name);
    }

    private static DocsAsset Read(Stream resource, string name)
    {
        using var stored = resource;
        using var bytes = new MemoryStream();
        stored.CopyTo(bytes);
        var content = bytes.ToArray();
        var version = Convert.ToHexStringLower(SHA256.HashData(content))[..16];
        return name.EndsWith(Compressed, StringComparison.Ordinal)
            ? new DocsAsset(name[..^Compressed.Length], content, IsCompressed: true, version)
            : new DocsAsset(name, content, IsCompressed: false, version);
    }
}

/// <summary>One file: as it is stored, and how that is to be read.</summary>
internal sealed record DocsAsset(string Name, byte[] Stored, bool IsCompressed, string Version)
{
    public string MediaType => Path.GetExtension(Name) switch
    {
        ".js" => "text/javascript; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".html" => "text/html; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    };

    /// <summary>What is inside, for clients that cannot unpack it themselves.</summary>
    public byte[] Content()
    {
        if (!IsCompressed)
        {
            return Stored;
        }

        using var unpacked = new MemoryStream();
        using (var packed = new GZipStream(new MemoryStream(Stored), CompressionMode.Decompress))
        {
            packed.CopyTo(unpacked);
        }

        return unpacked.ToArray();
    }
}
