using System.Globalization;
using Memoir.Kit.Http;

namespace Memoir.Server.Wire;

/// <summary>What a caller wants to be so before something is done: <c>If-Match</c> and <c>If-None-Match</c> over version numbers (RFC 9110, section 13).</summary>
internal sealed class Precondition
{
    private readonly IReadOnlyList<string>? _match;
    private readonly IReadOnlyList<string>? _noneMatch;

    private Precondition(IReadOnlyList<string>? match, IReadOnlyList<string>? noneMatch)
    {
        _match = match;
        _noneMatch = noneMatch;
    }

    public static Precondition From(HttpRequest request) => new(Tags(request, "If-Match", weak: false), Tags(request, "If-None-Match", weak: true));

    /// <summary>The entity tag of a version.</summary>
    public static string TagOf(long version) => $"\"{version.ToString(CultureInfo.InvariantCulture)}\"";

    /// <summary>Whether the caller has this version already.</summary>
    public bool IsKnown(long version) => Has(_noneMatch, version);

    /// <param name="version">The version that stands; null when there is none.</param>
    /// <exception cref="ProblemException">412: it is not what the caller wants it to be.</exception>
    public void Require(long? version)
    {
        if (_match is not null && !Has(_match, version))
        {
            throw Failed(version is { } stands
                ? $"The version is {stands} by now, which If-Match does not name. Read it again and send the change anew."
                : "If-Match names a version, but there is no such thing here.");
        }

        if (Has(_noneMatch, version))
        {
            throw Failed($"If-None-Match excludes version {version}, which stands.");
        }
    }

    private static ProblemException Failed(string detail) => new(Problem.PreconditionFailed, $"{detail} Nothing was changed.");

    private static bool Has(IReadOnlyList<string>? tags, long? version) =>
        tags is not null && version is { } stands && (tags is ["*"] || tags.Contains(stands.ToString(CultureInfo.InvariantCulture)));

    /// <summary>The tags without their quotes. A weak tag is no tag of a change's: it tells no two versions apart.</summary>
    private static List<string>? Tags(HttpRequest request, string header, bool weak)
    {
        var values = request.Headers[header];
        if (values.Count == 0)
        {
            return null;
        }

        var tags = new List<string>();
        foreach (var part in values.ToString().Split(',', StringSplitOptions.TrimEntries))
        {
            var isWeak = part.StartsWith("W/", StringComparison.Ordinal);
            var text = isWeak ? part[2..] : part;
            var isQuoted = text is ['"', .., '"'] && text.Length >= 2;
            if (part != "*" && !isQuoted && !(text.Length > 0 && !isWeak && text.All(char.IsAsciiDigit)))
            {
                throw new ProblemException(Problem.InvalidRequest, $"{header} must be * or entity tags such as \"7\".");
            }

            if (!isWeak || weak)
            {
                tags.Add(isQuoted ? text[1..^1] is "*" ? "" : text[1..^1] : text); // In quotes it is an ordinary tag, which no version has.
            }
        }

        return tags;
    }
}
