using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Memoir.Tests.Server.Documents;

/// <summary>A structured memory in which every field is used.</summary>
internal static class FullMemory
{
    public static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private const string Text = """
        {
          "profile": {
            "name": "Ann Ähre 😀", "role": "captain",
            "preferences": { "tea": { "sugar": 2, "milk": null, "strength": 1.50, "big": 12345678901234567890, "tiny": 1e-7 }, "Naming": ["kept", "As Is"], "": "" },
            "weekly_planning": { "planning_day": "sunday", "planning_time_local": "23:59", "calendar_link": "https://example.com/c?a=1&b=<2>", "timezone": "Europe/Berlin" }
          },
          "working_memory": {
            "current_focus_thread": "the \"crossing\"",
            "active_priorities": ["sail", "sail", "sleep"],
            "open_loops": ["", "anchor"],
            "decisions_made": [{}, { "id": "d", "what": [1, null, { "x": true }] }],
            "pending_follow_ups": [{ "who": "Bob", "when": null }],
            "tasks": [{ "id": "t-1", "title": "buy rope", "status": "in_progress", "due_at": "2026-01-31T09:30:00.5+02:00", "notes": ["a", "a"] }],
            "decisions": [{ "id": "d-1", "summary": "go west", "rationale": "wind", "decision_type": "strategic", "decided_at": "2026-01-30" }],
            "timeblocks": [{ "id": "b-1", "label": "watch", "block_type": "break", "start_at": "2026-01-31T00:00:00Z", "end_at": "2026-01-31T04:00:00Z" }]
          },
          "long_term_knowledge": {
            "projects": [{ "id": "p-1", "name": "Refit", "objectives": ["paint", "dry"], "status": "blocked" }],
            "stakeholders": [{ "id": "s-1", "name": "Bob", "role": "mate", "contact": "bob@example.com" }],
            "systems": [{ "id": "y-1", "name": "Radar", "notes": ["old"] }]
          },
          "session_snapshots": [null, 1.0, "x", [[]], { "a": { "b": [null] } }, false],
          "events": [
            {
              "id": "meeting-20260131-kick-off", "type": "meeting", "title": "Kick-off", "summary": "", "occurred_at": "2026-01-31", "captured_at": "2026-01-31T10:00:00Z",
              "decisions": ["a", { "b": 1 }], "tasks": [7], "notes": [null], "metadata": { "room": null, "n": 0.10 }
            },
            { "id": "snapshot-20260131-235959", "type": "snapshot" },
            { "id": "anything at all", "type": "note" },
            { "title": "without anything else" }
          ]
        }
        """;

    public static JsonObject Large(int tasks)
    {
        var memory = JsonNode.Parse(Text)!.AsObject();
        var list = memory["working_memory"]!["tasks"]!.AsArray();
        for (var i = 0; i < tasks; i++)
        {
            list.Add(new JsonObject { ["id"] = $"large-{i}", ["title"] = new string('t', 500 + i) });
        }

        return memory;
    }
}
