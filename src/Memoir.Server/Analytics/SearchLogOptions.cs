using System.Globalization;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Analytics;

/// <summary>Whether searches are recorded, and how long their records are kept.</summary>
internal sealed class SearchLogOptions
{
    private const string Off = "off";

    /// <summary>Days, 1..3650; <c>0</c> or <c>off</c> records nothing and forgets what was recorded.</summary>
    public string SearchLogDays { get; set; } = "30";

    /// <summary>0 when nothing is recorded.</summary>
    public int Days => SearchLogDays == Off ? 0 : int.Parse(SearchLogDays, NumberStyles.None, CultureInfo.InvariantCulture);

    public bool IsValid => SearchLogDays == Off || (int.TryParse(SearchLogDays, NumberStyles.None, CultureInfo.InvariantCulture, out var days) && days <= 3650);
}

/// <summary>Refuses what is no number of days.</summary>
internal sealed class SearchLogOptionsValidator : IValidateOptions<SearchLogOptions>
{
    public ValidateOptionsResult Validate(string? name, SearchLogOptions options) => options.IsValid
        ? ValidateOptionsResult.Success
        : ValidateOptionsResult.Fail("SearchLogDays: must be a number of days from 1 to 3650, or off.");
}
