using System.Text.Json;
using System.Text.RegularExpressions;
using static Memoir.Tests.Architecture.SourceText;

namespace Memoir.Tests.Architecture;

/// <summary>Alerts, the dashboard and the runbook speak of what there is: metrics, routes, commands, settings and sections.</summary>
public sealed partial class WatchTests
{
    private const string DocsOfOperators = "operations.md|runbook.md|deployment.md";

    /// <summary>Prometheus' own.</summary>
    private static readonly string[] Foreign = ["up"];

    [Fact]
    public void Every_alert_has_a_section_in_the_runbook_and_links_it()
    {
        var alerts = Alerts();
        var sections = Headings("runbook.md");

        Assert.True(alerts.Count > 15, $"only {alerts.Count} alerts");
        Assert.All(alerts, alert =>
        {
            Assert.Equal($"docs/runbook.md#{Anchor(alert.Name)}", alert.Runbook);
            Assert.Contains($"## {alert.Name}", sections);
        });
        Assert.Equal(alerts.Select(alert => alert.Name).Order(StringComparer.Ordinal), sections.Where(section => section.StartsWith("## Memoir", StringComparison.Ordinal)).Select(section => section[3..]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_alert_fires_and_is_silent_in_the_tests_of_promtool()
    {
        var cases = File.ReadAllText(In("tests/deploy/alerts-test.yml"));

        Assert.All(Alerts(), alert =>
        {
            Assert.Matches($@"alertname: {alert.Name}, exp_alerts: \[\]", cases);
            Assert.Matches($@"alertname: {alert.Name}\n\s+exp_alerts: \[{{ exp_labels", cases);
        });
    }

    [Fact]
    public void Every_metric_that_is_named_is_measured()
    {
        var measured = Measured();
        var named = Alerts().SelectMany(alert => NamesIn(alert.Expression)).Concat(Panels().SelectMany(NamesIn)).Concat(
            DocsOfOperators.Split('|').SelectMany(doc => MetricInText().Matches(File.ReadAllText(In($"docs/{doc}"))).Select(match => match.Value)));

        Assert.True(measured.Count > 25, $"only {measured.Count} metrics");
        var unknown = named.Select(Bare).Distinct().Except(measured).Except(Foreign);
        Assert.Empty(unknown);
    }

    [Fact]
    public void Every_route_of_the_runbook_is_one()
    {
        var routes = RouteInTable().Matches(File.ReadAllText(In("docs/api.md"))).Select(match => match.Groups["path"].Value).ToHashSet(StringComparer.Ordinal);
        var named = RouteInText().Matches(File.ReadAllText(In("docs/runbook.md"))).Select(match => match.Groups["path"].Value.Replace("ID", "{id}", StringComparison.Ordinal)).Distinct().ToList();

        Assert.True(named.Count > 5, string.Join(", ", named));
        Assert.Empty(named.Except(routes));
    }

    [Fact]
    public void Every_command_of_the_runbook_is_one()
    {
        var commands = Directory.EnumerateFiles(Path.Combine(Source, "Memoir.Server", "Commands"), "*Command.cs", SearchOption.AllDirectories)
            .Select(file => CommandName().Match(File.ReadAllText(file)).Groups["name"].Value).ToList();
        var named = CommandInText().Matches(File.ReadAllText(In("docs/runbook.md"))).Select(match => match.Groups["name"].Value).Distinct().ToList();

        Assert.Contains("doctor", named);
        Assert.Empty(named.Except(commands));
    }

    [Fact]
    public void Every_setting_of_the_runbook_is_in_the_configuration()
    {
        var known = File.ReadAllText(In("docs/configuration.md"));
        var named = Setting().Matches(File.ReadAllText(In("docs/runbook.md"))).Select(match => match.Value).Distinct().ToList();

        Assert.True(named.Count > 8, string.Join(", ", named));
        Assert.All(named, setting => Assert.Matches($@"\b{setting}\b", known));
    }

    [Fact]
    public void Every_link_of_the_runbook_leads_somewhere()
    {
        Assert.All(Link().Matches(File.ReadAllText(In("docs/runbook.md"))).Select(match => (File: match.Groups["file"].Value, Anchor: match.Groups["anchor"].Value)), link =>
        {
            var file = link.File.Length == 0 ? "runbook.md" : link.File;
            Assert.True(File.Exists(In($"docs/{file}")), file);
            Assert.True(link.Anchor.Length == 0 || Headings(file).Select(heading => Anchor(heading.TrimStart('#', ' '))).Contains(link.Anchor), $"{file}#{link.Anchor}");
        });
    }

    private static string In(string path) => Path.Combine(Root, path);

    private static List<(string Name, string Expression, string Runbook)> Alerts() =>
    [
        .. File.ReadAllText(In("deploy/alerts.yml")).Split("- alert: ").Skip(1).Select(text => (
            text.Split('\n')[0].Trim(),
            text[text.IndexOf("expr:", StringComparison.Ordinal)..text.IndexOf("labels: {", StringComparison.Ordinal)].Replace("expr:", " ", StringComparison.Ordinal),
            RunbookUrl().Match(text).Groups["url"].Value)),
    ];

    private static IEnumerable<string> Panels()
    {
        using var dashboard = JsonDocument.Parse(File.ReadAllText(In("deploy/grafana/dashboards/memoir.json")));
        return [.. dashboard.RootElement.GetProperty("panels").EnumerateArray().SelectMany(panel => panel.GetProperty("targets").EnumerateArray()).Select(target => target.GetProperty("expr").GetString()!)];
    }

    private static HashSet<string> Measured() =>
        [.. Instrument().Matches(File.ReadAllText(Path.Combine(Source, "Memoir.Kit", "Telemetry", "Meters.cs"))).Select(match => match.Groups["name"].Value)];

    /// <summary>What is neither a function, nor a label, nor a keyword of the language.</summary>
    private static IEnumerable<string> NamesIn(string expression) =>
        Word().Matches(NotNames().Replace(Regex.Replace(expression, @"(?m)^\s*for:.*$", ""), " ")).Where(match => !match.Groups["call"].Success).Select(match => match.Groups["name"].Value);

    private static string Bare(string name) => name.EndsWith("_bucket", StringComparison.Ordinal) || name.EndsWith("_count", StringComparison.Ordinal) ? name[..name.LastIndexOf('_')] : name;

    private static List<string> Headings(string doc)
    {
        var inCode = false;
        return [.. File.ReadLines(In($"docs/{doc}")).Where(line =>
        {
            inCode ^= line.StartsWith("```", StringComparison.Ordinal);
            return !inCode && line.StartsWith('#');
        })];
    }

    private static string Anchor(string heading) => Regex.Replace(heading.ToLowerInvariant().Replace(' ', '-'), "[^a-z0-9_-]", "");

    [GeneratedRegex(@"runbook_url: (?<url>\S+)")]
    private static partial Regex RunbookUrl();

    [GeneratedRegex(@"Create\w+(<\w+>)?\(""(?<name>[a-z_]+)""")]
    private static partial Regex Instrument();

    [GeneratedRegex(@"\{[^}]*\}|\[[^\]]*\]|""[^""]*""|\b(by|without)\s*\([^)]*\)|\b(or|and|unless|offset)\b|\b\d+[smhd]?\b|\|")]
    private static partial Regex NotNames();

    [GeneratedRegex(@"\b(?<name>[a-z][a-z_]*)\b\s*(?<call>\()?")]
    private static partial Regex Word();

    [GeneratedRegex(@"(?<![\w.])[a-z]+(_[a-z]+)*_(total|bucket|depth|queued|dead|fds|state|flight)\b|\b(http|write|memory|process|embedding|backup|audit)_[a-z_]+_seconds\b")]
    private static partial Regex MetricInText();

    [GeneratedRegex(@"(?m)^\| `(GET|POST|PUT|PATCH|DELETE)` \| `(?<path>[^`]+)` \|")]
    private static partial Regex RouteInTable();

    [GeneratedRegex(@"(?:\$URL|\b(?:GET|POST|PUT|PATCH|DELETE) )(?<path>/[\w/{}.-]+)")]
    private static partial Regex RouteInText();

    [GeneratedRegex(@"new\(\s*""(?<name>[a-z]+)""")]
    private static partial Regex CommandName();

    [GeneratedRegex(@"`memoir (?<name>[a-z]+)")]
    private static partial Regex CommandInText();

    [GeneratedRegex(@"\bMEMORY_[A-Z_]+[A-Z]\b")]
    private static partial Regex Setting();

    [GeneratedRegex(@"\]\((?<file>(?:\.\./)?[\w./-]*)(#(?<anchor>[\w-]+))?\)")]
    private static partial Regex Link();
}
