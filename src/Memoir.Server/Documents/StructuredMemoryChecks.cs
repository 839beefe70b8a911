using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Memoir.Kit.Http;
using Memoir.Server.Wire;

namespace Memoir.Server.Documents;

/// <summary>The rules of a structured memory that its types do not say; all that break them are told at once, by their paths.</summary>
internal sealed partial class StructuredMemoryChecks
{
    /// <summary>More would make an answer of its own; a caller mends these first.</summary>
    private const int MostErrors = 50;

    private readonly FieldChecks _checks = new();
    private int _errors;

    /// <exception cref="ProblemException">422 with a message for each path. 400 for a number that no database keeps.</exception>
    public static void Require(StructuredMemory memory)
    {
        var checks = new StructuredMemoryChecks();
        checks.Profile(memory.Profile);
        checks.Working(memory.WorkingMemory);
        checks.Knowledge(memory.LongTermKnowledge);
        Values("session_snapshots", memory.SessionSnapshots, objects: false);
        checks.Each("events", memory.Events, item => item.Id, checks.Event);
        checks._checks.ThrowIfAny();
    }

    private void Profile(UserProfile? profile)
    {
        Object("profile.preferences", profile?.Preferences);
        if (profile?.WeeklyPlanning is not { } planning)
        {
            return;
        }

        const string path = "profile.weekly_planning";
        OneOf($"{path}.planning_day", planning.PlanningDay, "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday");
        if (planning.PlanningTimeLocal is { } time && !ClockTime().IsMatch(time))
        {
            Add($"{path}.planning_time_local", "must be a time of day such as 09:30");
        }

        if (planning.Timezone is { } zone && !IsTimeZone(zone))
        {
            Add($"{path}.timezone", "must be a name of the IANA time zone database such as Europe/Berlin");
        }
    }

    private void Working(WorkingMemory? working)
    {
        const string path = "working_memory";
        Values($"{path}.decisions_made", working?.DecisionsMade, objects: true);
        Values($"{path}.pending_follow_ups", working?.PendingFollowUps, objects: true);
        Texts($"{path}.active_priorities", working?.ActivePriorities);
        Texts($"{path}.open_loops", working?.OpenLoops);
        Each($"{path}.tasks", working?.Tasks, item => item.Id, (at, task) =>
        {
            Filled($"{at}.title", task.Title);
            OneOf($"{at}.status", task.Status, "todo", "in_progress", "done", "delegated");
            Moment($"{at}.due_at", task.DueAt);
            Texts($"{at}.notes", task.Notes);
        });
        Each($"{path}.decisions", working?.Decisions, item => item.Id, (at, decision) =>
        {
            Filled($"{at}.summary", decision.Summary);
            OneOf($"{at}.decision_type", decision.DecisionType, "strategic", "tactical", "process");
            Moment($"{at}.decided_at", decision.DecidedAt);
        });
        Each($"{path}.timeblocks", working?.Timeblocks, item => item.Id, (at, block) =>
        {
            Filled($"{at}.label", block.Label);
            OneOf($"{at}.block_type", block.BlockType, "focus", "meeting", "break", "admin");
            if (Moment($"{at}.start_at", block.StartAt) is { } start && Moment($"{at}.end_at", block.EndAt) is { } end && end <= start)
            {
                Add($"{at}.end_at", "must be after start_at");
            }
        });
    }

    private void Knowledge(LongTermKnowledge? knowledge)
    {
        const string path = "long_term_knowledge";
        Each($"{path}.projects", knowledge?.Projects, item => item.Id, (at, project) =>
        {
            Filled($"{at}.name", project.Name);
            OneOf($"{at}.status", project.Status, "planning", "in_progress", "blocked", "done");
            Texts($"{at}.objectives", project.Objectives);
        });
        Each($"{path}.stakeholders", knowledge?.Stakeholders, item => item.Id, (at, stakeholder) => Filled($"{at}.name", stakeholder.Name));
        Each($"{path}.systems", knowledge?.Systems, item => item.Id, (at, system) =>
        {
            Filled($"{at}.name", system.Name);
            Texts($"{at}.notes", system.Notes);
        });
    }

    private void Event(string path, MemoryEvent item)
    {
        OneOf($"{path}.type", item.Type, "meeting", "snapshot", "note");
        if (item.Id is { } id)
        {
            if (item.Type is "meeting" && !(MeetingId().Match(id) is { Success: true } meeting && IsDay(meeting.Groups["day"].Value)))
            {
                Add($"{path}.id", "must be meeting-YYYYMMDD-slug, such as meeting-20260131-kickoff");
            }
            else if (item.Type is "snapshot" && !DateTime.TryParseExact(
                id, "'snapshot-'yyyyMMdd-HHmmss", CultureInfo.InvariantCulture, DateTimeStyles.None, out _))
            {
                Add($"{path}.id", "must be snapshot-YYYYMMDD-HHMMSS, such as snapshot-20260131-093000");
            }
        }

        Moment($"{path}.occurred_at", item.OccurredAt);
        Moment($"{path}.captured_at", item.CapturedAt);
        Values($"{path}.decisions", item.Decisions, objects: false);
        Values($"{path}.tasks", item.Tasks, objects: false);
        Values($"{path}.notes", item.Notes, objects: false);
        Object($"{path}.metadata", item.Metadata);
    }

    private void Each<T>(string path, IReadOnlyList<T>? items, Func<T, string?> id, Action<string, T> check)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < items?.Count && _errors < MostErrors; i++)
        {
            var at = $"{path}[{i}]";
            if (items[i] is not { } item)
            {
                throw ProblemException.Body(at, "must not be null");
            }

            check(at, item);
            if (id(item) is not { } name)
            {
                continue;
            }

            if (name.Length is 0 or > 255)
            {
                Add($"{at}.id", "must have 1 to 255 characters");
            }
            else if (!seen.Add(name))
            {
                Add($"{at}.id", "stands in the list twice");
            }
        }
    }

    private static void Values(string path, IReadOnlyList<JsonElement>? items, bool objects)
    {
        for (var i = 0; i < items?.Count; i++)
        {
            if (objects && items[i].ValueKind is not JsonValueKind.Object)
            {
                throw ProblemException.Body($"{path}[{i}]", "must be an object");
            }

            BoundedNumbers.Require($"{path}[{i}]", items[i]);
        }
    }

    private static void Texts(string path, IReadOnlyList<string>? items)
    {
        for (var i = 0; i < items?.Count; i++)
        {
            if (items[i] is null)
            {
                throw ProblemException.Body($"{path}[{i}]", "must be a string");
            }
        }
    }

    private static void Object(string path, JsonElement? value)
    {
        if (value is not { ValueKind: not JsonValueKind.Null } given)
        {
            return;
        }

        if (given.ValueKind is not JsonValueKind.Object)
        {
            throw ProblemException.Body(path, "must be an object");
        }

        BoundedNumbers.Require(path, given);
    }

    private void Filled(string path, string value)
    {
        if (string.IsNullOrWhiteSpace(value))
        {
            Add(path, "must not be empty");
        }
    }

    private void OneOf(string path, string? value, params ReadOnlySpan<string> allowed)
    {
        if (value is not null && !allowed.Contains(value))
        {
            Add(path, $"must be one of {string.Join(", ", allowed)}");
        }
    }

    /// <returns>The moment; null when there is none, or none that can be read.</returns>
    private DateTimeOffset? Moment(string path, string? value)
    {
        if (value is null)
        {
            return null;
        }

        if (MomentText().IsMatch(value) && DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var moment))
        {
            return moment;
        }

        Add(path, "must be a date such as 2026-01-31 or a time such as 2026-01-31T09:30:00Z");
        return null;
    }

    private void Add(string path, string message)
    {
        if (_errors++ < MostErrors)
        {
            _checks.Add(path, message);
        }
    }

    private static bool IsDay(string text) => DateTime.TryParseExact(text, "yyyyMMdd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    private static bool IsTimeZone(string name) =>
        ZoneName().IsMatch(name) && TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone) && zone.HasIanaId;

    [GeneratedRegex(@"^([01][0-9]|2[0-3]):[0-5][0-9]\z")]
    private static partial Regex ClockTime();

    [GeneratedRegex(@"^meeting-(?<day>[0-9]{8})-[a-z0-9]+(-[a-z0-9]+)*\z")]
    private static partial Regex MeetingId();

    [GeneratedRegex(@"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?\z")]
    private static partial Regex MomentText();

    /// <summary>No path leaves the folder of zones, and no Windows name is taken for one.</summary>
    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,3}\z")]
    private static partial Regex ZoneName();
}
