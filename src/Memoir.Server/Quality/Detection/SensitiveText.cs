using System.Buffers;
using System.Text;
using Memoir.Server.Quality.Detection.Numbers;

namespace Memoir.Server.Quality.Detection;

/// <summary>
/// Finds keys, passwords and personal data in a text. Pure. Ordinary text is read by a few vectorised searches for the marks
/// that every finding has; what stands at a mark is then looked at by hand, never further than a bounded way or twice over the
/// same run, so that the time is linear in the length whatever the text is.
/// </summary>
internal static class SensitiveText
{
    private static readonly SearchValues<string> Marks = SearchValues.Create(
        [.. TokenForms.Marks, .. StatedSecrets.Marks, PrivateKeys.Mark, UrlPasswords.Mark], StringComparison.OrdinalIgnoreCase);

    /// <returns>What was found, in the order of the text and nowhere overlapping.</returns>
    public static IReadOnlyList<Finding> Find(string text)
    {
        List<Finding>? found = null;
        FindSecrets(text, ref found);
        FindAddresses(text, ref found);
        FindNumbers(text, ref found);
        return found is null ? [] : Apart(found);
    }

    /// <summary>As <see cref="Find(string)"/>, where the text is what a name was given: a name such as <c>password</c> makes a secret of it.</summary>
    public static IReadOnlyList<Finding> Find(string name, string text) =>
        StatedSecrets.IsSecretOf(name, text, out var kind) ? [new Finding(kind, 0, text.Length)] : Find(text);

    /// <summary>The text with a mark in place of each finding.</summary>
    public static string Mask(string text, IReadOnlyList<Finding> findings)
    {
        if (findings.Count == 0)
        {
            return text;
        }

        var masked = new StringBuilder(text.Length);
        var at = 0;
        foreach (var finding in findings)
        {
            masked.Append(text, at, finding.Start - at).Append(Placeholder.Opening).Append(finding.Kind.Name()).Append(']');
            at = finding.End;
        }

        return masked.Append(text, at, text.Length - at).ToString();
    }

    private static void FindSecrets(string text, ref List<Finding>? found)
    {
        var keys = new PrivateKeys();
        for (var at = 0; at < text.Length;)
        {
            var mark = text.AsSpan(at).IndexOfAny(Marks);
            if (mark < 0)
            {
                return;
            }

            at += mark;
            if ((TokenForms.Match(text, at) ?? StatedSecrets.Match(text, at) ?? UrlPasswords.Match(text, at) ?? keys.Match(text, at)) is { } finding)
            {
                (found ??= []).Add(finding);
                at = Math.Max(at + 1, finding.End);
            }
            else
            {
                at++;
            }
        }
    }

    private static void FindAddresses(string text, ref List<Finding>? found)
    {
        for (var at = text.IndexOf('@', StringComparison.Ordinal); at >= 0; at = Next(text.AsSpan(at + 1).IndexOf('@'), at + 1))
        {
            if (EmailAddresses.Match(text, at) is { } finding)
            {
                (found ??= []).Add(finding);
            }
        }
    }

    /// <summary>Looks once at each run of digits, and goes on behind what it found.</summary>
    private static void FindNumbers(string text, ref List<Finding>? found)
    {
        for (var at = Next(text.AsSpan().IndexOfAnyInRange('0', '9'), 0); at >= 0; at = Next(text.AsSpan(at).IndexOfAnyInRange('0', '9'), at))
        {
            var run = text.AsSpan(at).IndexOfAnyExceptInRange('0', '9');
            var end = run < 0 ? text.Length : at + run;
            if ((Ibans.Match(text, at) ?? PaymentCards.Match(text, at, end) ?? PhoneNumbers.Match(text, at)) is { } finding)
            {
                (found ??= []).Add(finding);
                end = Math.Max(end, finding.End);
            }

            at = end;
        }
    }

    private static int Next(int found, int from) => found < 0 ? -1 : from + found;

    /// <summary>Where findings overlap a secret counts more than personal data, then the longer one, then the one that says more.</summary>
    private static List<Finding> Apart(List<Finding> found)
    {
        if (found.Count == 1)
        {
            return found;
        }

        found.Sort((a, b) => a.Start != b.Start ? a.Start.CompareTo(b.Start) : b.Length.CompareTo(a.Length));
        var apart = new List<Finding>(found.Count);
        foreach (var finding in found)
        {
            if (apart.Count == 0 || apart[^1].End <= finding.Start)
            {
                apart.Add(finding);
            }
            else if (Rank(finding).CompareTo(Rank(apart[^1])) < 0)
            {
                apart[^1] = finding; // Nothing before it can reach as far.
            }
        }

        return apart;

        static (SensitiveClass, int, SensitiveKind) Rank(Finding finding) => (finding.Kind.Class(), -finding.Length, finding.Kind);
    }
}
