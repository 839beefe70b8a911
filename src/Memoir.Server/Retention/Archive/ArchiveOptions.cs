using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Retention.Archive;

/// <summary>Where the texts of archived memories go.</summary>
internal sealed class ArchiveOptions
{
    /// <summary>A folder, shared by all processes on the database; relative to the data folder. Empty: texts stay in the database.</summary>
    [StringLength(4096)]
    [ConfigurationKeyName("ArchiveDirectory")]
    public string Directory { get; set; } = "";
}

[OptionsValidator]
internal sealed partial class ArchiveOptionsValidator : IValidateOptions<ArchiveOptions>;
