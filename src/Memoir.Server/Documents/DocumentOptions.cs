using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Documents;

/// <summary>How large documents may be and how many of their versions are kept.</summary>
internal sealed class DocumentOptions
{
    /// <summary>Versions of each document, the newest among them; <c>0</c> keeps all. Under a legal hold all are kept.</summary>
    [Range(0, 1_000_000)]
    public int DocumentVersionsKept { get; set; } = 100;

    /// <summary>Bytes that a document may have when it is stored.</summary>
    [Range(1024, 1024 * 1024)]
    public int DocumentMaxBytes { get; set; } = 1024 * 1024;
}

[OptionsValidator]
internal sealed partial class DocumentOptionsValidator : IValidateOptions<DocumentOptions>;
