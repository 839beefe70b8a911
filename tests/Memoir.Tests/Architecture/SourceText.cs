using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Memoir.Tests.Architecture;

/// <summary>Reads the product's source as text, so that a rule can be stated in a line or two.</summary>
internal static partial class SourceText
{
    public static readonly string Root = FindRoot();

    public static readonly string Source = Path.Combine(Root, "src");

    public static IEnumerable<string> Files(string pattern) =>
        Directory.EnumerateFiles(Source, pattern, SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal));

    /// <summary>The path as a reader of a failing test wants to see it.</summary>
    public static string Short(string file) => Path.GetRelativePath(Source, file);

    /// <summary>The file without comments and without the content of strings: what the compiler acts on.</summary>
    public static string Code(string file) =>
        Token().Replace(File.ReadAllText(file), token => token.Value.StartsWith('/') ? " " : token.Groups["text"].Success ? "\"\"" : token.Value);

    /// <summary>What stands between the quotes of every string literal.</summary>
    public static IEnumerable<string> Literals(string file) =>
        Token().Matches(File.ReadAllText(file)).Where(token => token.Groups["text"].Success).Select(token => token.Groups["text"].Value);

    [GeneratedRegex("""
        //[^\n]*|/\*[\s\S]*?\*/
        |'(?:\\.[^']*|[^'\\])'
        |(?<raw>"{3,})(?<text>[\s\S]*?)\k<raw>
        |@\$?"(?<text>(?:""|[^"])*)"
        |"(?<text>(?:\\.|[^"\\\n])*)"
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Token();

    private static string FindRoot([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(here, "../../../.."));
}
