using System.Globalization;
using System.Text.Json.Nodes;
using Memoir.Tests.Testing;
using static Memoir.Tests.Server.Documents.UserMemory;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Documents;

public sealed class DocumentShapeTests(SharedServer shared) : IClassFixture<SharedServer>
{
    /// <summary>What cannot be read, and what the refusal has to name.</summary>
    public static TheoryData<string, string> Unreadable => new()
    {
        { """{"surprise":1}""", "surprise" },
        { """{"user_id":"ann"}""", "user_id" },
        { """{"profile":{"nickname":"A"}}""", "nickname" },
        { """{"profile":{"weekly_planning":{"planing_day":"monday"}}}""", "planing_day" },
        { """{"working_memory":{"tasks":[{"title":"x","due":"2026-01-01"}]}}""", "due" },
        { """{"working_memory":{"decisions":[{"summary":"x","why":"y"}]}}""", "why" },
        { """{"working_memory":{"timeblocks":[{"label":"x","start_at":"2026-01-01","end_at":"2026-01-02","room":"y"}]}}""", "room" },
        { """{"long_term_knowledge":{"projects":[{"name":"x","owner":"y"}]}}""", "owner" },
        { """{"events":[{"title":"x","place":"y"}]}""", "place" },
        { "[]", "" },
        { "null", "" },
        { "1", "" },
        { "\"text\"", "" },
        { "", "" },
        { "{", "" },
        { "{} {}", "" },
        { """{"profile":{}} x""", "" },
        { """{"profile":{"name":"a\u0000b"}}""", "" },
        { """{"profile":{"name":"\ud800"}}""", "" },
        { """{"profile":"x"}""", "profile" },
        { """{"profile":[]}""", "profile" },
        { """{"profile":{"name":7}}""", "profile.name" },
        { """{"profile":{"preferences":[]}}""", "profile.preferences" },
        { """{"profile":{"preferences":"x"}}""", "profile.preferences" },
        { """{"profile":{"weekly_planning":"monday"}}""", "profile.weekly_planning" },
        { """{"working_memory":{"active_priorities":"x"}}""", "working_memory.active_priorities" },
        { """{"working_memory":{"active_priorities":[7]}}""", "working_memory.active_priorities[0]" },
        { """{"working_memory":{"active_priorities":["a",null]}}""", "working_memory.active_priorities[1]" },
        { """{"working_memory":{"open_loops":[null]}}""", "working_memory.open_loops[0]" },
        { """{"working_memory":{"decisions_made":[{},"x"]}}""", "working_memory.decisions_made[1]" },
        { """{"working_memory":{"pending_follow_ups":[null]}}""", "working_memory.pending_follow_ups[0]" },
        { """{"working_memory":{"tasks":{}}}""", "working_memory.tasks" },
        { """{"working_memory":{"tasks":[null]}}""", "working_memory.tasks[0]" },
        { """{"working_memory":{"tasks":[{}]}}""", "title" },
        { """{"working_memory":{"tasks":[{"title":null}]}}""", "title" },
        { """{"working_memory":{"tasks":[{"title":"x","notes":["a",null]}]}}""", "working_memory.tasks[0].notes[1]" },
        { """{"working_memory":{"decisions":[{"rationale":"x"}]}}""", "summary" },
        { """{"working_memory":{"timeblocks":[{"label":"x","start_at":"2026-01-01"}]}}""", "end_at" },
        { """{"working_memory":{"timeblocks":[{"label":"x","end_at":"2026-01-01"}]}}""", "start_at" },
        { """{"working_memory":{"timeblocks":[{"start_at":"2026-01-01","end_at":"2026-01-02"}]}}""", "label" },
        { """{"long_term_knowledge":{"projects":[{"id":"p"}]}}""", "name" },
        { """{"long_term_knowledge":{"projects":[{"name":"x","objectives":[null]}]}}""", "long_term_knowledge.projects[0].objectives[0]" },
        { """{"long_term_knowledge":{"stakeholders":[{"role":"x"}]}}""", "name" },
        { """{"long_term_knowledge":{"systems":[{"notes":[]}]}}""", "name" },
        { """{"events":{}}""", "events" },
        { """{"events":[null]}""", "events[0]" },
        { """{"events":[{"metadata":[]}]}""", "events[0].metadata" },
        { """{"events":[{"notes":"x"}]}""", "events[0].notes" },
        { """{"session_snapshots":{}}""", "session_snapshots" },
        { """{"profile":{"preferences":{"a":{"b":[1e400]}}}}""", "profile.preferences" },
        { """{"session_snapshots":[1,-1e999]}""", "session_snapshots[1]" },
        { """{"events":[{"metadata":{"x":1e400}}]}""", "events[0].metadata" },
        { """{"working_memory":{"decisions_made":[{"x":1e400}]}}""", "working_memory.decisions_made[0]" },
        { """{"profile":{},"profile":{}}""", "profile" },
        { """{"profile":{"name":"a","name":"b"}}""", "name" },
        { """{"profile":{"preferences":{"a":1,"a":2}}}""", "" },
        { """{"profile":{"preferences":{"a":[{"b":1,"b":1}]}}}""", "" },
        { """{"session_snapshots":[{"a":1,"a":2}]}""", "" },
        { """{"events":[{"metadata":{"a":{"b":1,"b":2}}}]}""", "" },
        { """{"events":[{"notes":[{"a":1,"\u0061":2}]}]}""", "" },
        { $$$"""{"session_snapshots":{{{new string('[', 32)}}}{{{new string(']', 32)}}}}""", "" },
    };

    /// <summary>What can be read and breaks a rule: a patch that tries it, where, and how it would be right.</summary>
    public static TheoryData<string, string> Wrong
    {
        get
        {
            var data = new TheoryData<string, string>
            {
                { Planning("planning_day", "Monday"), "profile.weekly_planning.planning_day" },
                { Planning("planning_day", "mon"), "profile.weekly_planning.planning_day" },
                { """{"working_memory":{"tasks":[{"title":"x","status":"open"}]}}""", "working_memory.tasks[0].status" },
                { """{"working_memory":{"decisions":[{"summary":"x","decision_type":"big"}]}}""", "working_memory.decisions[0].decision_type" },
                { Block("2026-01-01", "2026-01-02", "lunch"), "working_memory.timeblocks[0].block_type" },
                { """{"long_term_knowledge":{"projects":[{"name":"x","status":"todo"}]}}""", "long_term_knowledge.projects[0].status" },
                { """{"events":[{"type":"party"}]}""", "events[0].type" },
                { Block("2026-01-01T10:00:00Z", "2026-01-01T10:00:00Z"), "working_memory.timeblocks[0].end_at" },
                { Block("2026-01-01T10:00:00Z", "2026-01-01T11:30:00+02:00"), "working_memory.timeblocks[0].end_at" },
                { Block("2026-01-02", "2026-01-01T23:59:59"), "working_memory.timeblocks[0].end_at" },
                { Block("x", "2026-01-01"), "working_memory.timeblocks[0].start_at" },
                { """{"events":[{"id":"meeting-20260131","type":"meeting"}]}""", "events[0].id" },
                { """{"events":[{"id":"meeting-20260231-kickoff","type":"meeting"}]}""", "events[0].id" },
                { """{"events":[{"id":"meeting-20260131-Kick off","type":"meeting"}]}""", "events[0].id" },
                { """{"events":[{"id":"meeting-20260131-kickoff\n","type":"meeting"}]}""", "events[0].id" },
                { """{"events":[{"id":"snapshot-20260131-250000","type":"snapshot"}]}""", "events[0].id" },
                { """{"events":[{"id":"snapshot-20260131-093000 ","type":"snapshot"}]}""", "events[0].id" },
                { """{"events":[{"id":"meeting-20260131-kickoff","type":"snapshot"}]}""", "events[0].id" },
                { """{"events":[{"id":""}]}""", "events[0].id" },
                { $$$"""{"events":[{"id":"{{{new string('x', 256)}}}"}]}""", "events[0].id" },
                { """{"events":[{"id":"a"},{"id":"b"},{"id":"a"}]}""", "events[2].id" },
                { """{"working_memory":{"tasks":[{"id":"a","title":"x"},{"id":"a","title":"y"}]}}""", "working_memory.tasks[1].id" },
                { """{"long_term_knowledge":{"systems":[{"id":"a","name":"x"},{"id":"a","name":"x"}]}}""", "long_term_knowledge.systems[1].id" },
                { """{"working_memory":{"tasks":[{"title":""}]}}""", "working_memory.tasks[0].title" },
                { """{"working_memory":{"tasks":[{"title":"x"},{"title":" \t"}]}}""", "working_memory.tasks[1].title" },
                { """{"working_memory":{"decisions":[{"summary":""}]}}""", "working_memory.decisions[0].summary" },
                { """{"working_memory":{"timeblocks":[{"label":"","start_at":"2026-01-01","end_at":"2026-01-02"}]}}""", "working_memory.timeblocks[0].label" },
                { """{"long_term_knowledge":{"stakeholders":[{"name":""}]}}""", "long_term_knowledge.stakeholders[0].name" },
            };
            foreach (var time in (string[])["24:00", "9:30", "09:60", "09:30:00", "09:30\\n", "0930", "", "٠٩:٣٠"])
            {
                data.Add(Planning("planning_time_local", time), "profile.weekly_planning.planning_time_local");
            }

            foreach (var zone in (string[])["W. Europe Standard Time", "Eastern Standard Time", "Europe/Nowhere", "Europe", "../UTC", "../../../../etc/localtime", "/etc/localtime", "Europe/../UTC", "Europe//Berlin", "zone.tab", "+02:00", "", "UTC\\n"])
            {
                data.Add(Planning("timezone", zone), "profile.weekly_planning.timezone");
            }

            foreach (var moment in (string[])["", "soon", "2026-02-30", "2026-13-01", "31.01.2026", "2026-01-31  09:30", "2026-01-31T25:00:00Z", "2026-01-31T09:30:00+15:00", "20260131", "2026-01-31T09:30:00Z\\n", "0001-01-01T00:00:00+01:00"])
            {
                data.Add($$$"""{"working_memory":{"tasks":[{"title":"x","due_at":"{{{moment}}}"}]}}""", "working_memory.tasks[0].due_at");
                data.Add($$$"""{"events":[{"captured_at":"{{{moment}}}"}]}""", "events[0].captured_at");
            }

            return data;
        }
    }

    [Theory, MemberData(nameof(Unreadable))]
    public async Task What_cannot_be_read_is_refused_by_every_door(string body, string named)
    {
        var client = shared.App.As("acme");

        foreach (var method in (string[])["POST", "PATCH"])
        {
            var refusal = await client.AskAsync(method, "/memory/unreadable", body).RefusedAsync(400, "invalid-body");
            Assert.Contains(named, refusal.GetRawText(), StringComparison.Ordinal);
        }

        await client.AskAsync("GET", "/memory/unreadable").RefusedAsync(404, "not-found");
    }

    [Theory, MemberData(nameof(Wrong))]
    public async Task What_breaks_a_rule_is_refused_by_every_door_with_its_path(string body, string path)
    {
        var client = shared.App.As("acme");

        (await client.AskAsync("POST", "/memory/wrong", body).RefusedAsync(422, "validation-failed")).ErrorOf(path);
        (await client.AskAsync("PATCH", "/memory/wrong", body).RefusedAsync(422, "validation-failed")).ErrorOf(path);
        (await client.AskAsync("PATCH", "/memory/wrong", body, MergePatch).RefusedAsync(422, "validation-failed")).ErrorOf(path);

        await client.AskAsync("GET", "/memory/wrong").RefusedAsync(404, "not-found");
    }

    [Theory]
    [InlineData(MergePatch, "[]", 400)]
    [InlineData(MergePatch, "null", 400)]
    [InlineData(MergePatch, "7", 400)]
    [InlineData(MergePatch, "\"x\"", 400)]
    [InlineData(MergePatch, """{"profile":{"preferences":{"a":1,"a":2}}}""", 400)]
    [InlineData(MergePatch, """{"profile":{"name":"a","name":"b"}}""", 400)]
    [InlineData(MergePatch, """{"profile":7}""", 400)]
    [InlineData(MergePatch, """{"surprise":{}}""", 400)]
    [InlineData(MergePatch, """{"user_id":"bob"}""", 422)]
    [InlineData(MergePatch, """{"user_id":null}""", 422)]
    [InlineData(MergePatch, """{"events_overwrite":true}""", 400)]
    [InlineData(JsonPatch, "{}", 400)]
    [InlineData(JsonPatch, "null", 400)]
    [InlineData(JsonPatch, "[null]", 400)]
    [InlineData(JsonPatch, "[7]", 400)]
    [InlineData(JsonPatch, """[{"op":"add"}]""", 400)]
    [InlineData(JsonPatch, """[{"op":"add","path":"/profile/name"}]""", 400)]
    [InlineData(JsonPatch, """[{"op":"move","path":"/profile/name"}]""", 400)]
    [InlineData(JsonPatch, """[{"op":"add","op":"add","path":"/profile/name","value":"x"}]""", 400)]
    [InlineData(JsonPatch, """[{"op":"add","path":"/profile/name","value":"x","extra":1}]""", 400)]
    [InlineData(JsonPatch, """[{"op":"add","path":"/profile/preferences","value":{"a":1,"a":2}}]""", 400)]
    [InlineData(JsonPatch, """[{"op":"add","path":"/profile/preferences","value":{"a":1e400}}]""", 400)]
    [InlineData(JsonPatch, """[{"op":"add","path":"/profile/name","value":7}]""", 400)]
    [InlineData(JsonPatch, """[{"op":"add","path":"/surprise","value":7}]""", 400)]
    [InlineData(JsonPatch, """[{"op":"replace","path":"","value":[]}]""", 400)]
    [InlineData(JsonPatch, """[{"op":"remove","path":""}]""", 400)]
    [InlineData(JsonPatch, """[{"op":"spin","path":"/profile/name","value":"x"}]""", 422)]
    [InlineData(JsonPatch, """[{"op":"remove","path":"/user_id"}]""", 422)]
    [InlineData(JsonPatch, """[{"op":"replace","path":"/user_id","value":"bob"}]""", 422)]
    [InlineData(JsonPatch, """[{"op":"replace","path":"","value":{}}]""", 422)]
    [InlineData("application/json", """{"events_overwrite":"yes"}""", 400)]
    [InlineData("application/json", """{"user_id":"ann"}""", 400)]
    public async Task A_patch_that_is_none_is_refused(string mediaType, string body, int status)
    {
        var client = shared.App.As("acme");
        await client.PutMemoryAsync(Named("Ann"), "/memory/patched");

        await client.AskAsync("PATCH", "/memory/patched", body, mediaType).RefusedAsync(status, status == 400 ? "invalid-body" : "validation-failed");

        Assert.Equal(Nothing.Replace("\"profile\":{}", "\"profile\":{\"name\":\"Ann\"}", StringComparison.Ordinal).Replace("\"ann\"", "\"patched\"", StringComparison.Ordinal),
            (await client.ReadAsync("/memory/patched")).GetRawText());
    }

    [Theory]
    [InlineData("2026-01-31")]
    [InlineData("2026-01-31T09:30")]
    [InlineData("2026-01-31T09:30:00")]
    [InlineData("2026-01-31 09:30:00Z")]
    [InlineData("2026-01-31T09:30:00Z")]
    [InlineData("2026-01-31t09:30:00z")]
    [InlineData("2026-01-31T09:30:00.123456789Z")]
    [InlineData("2026-01-31T09:30:00-05:30")]
    public async Task A_moment_is_a_date_or_a_time_and_kept_as_it_was_sent(string moment)
    {
        var stored = await shared.App.As("acme").PutMemoryAsync($$$"""{"working_memory":{"tasks":[{"title":"x","due_at":"{{{moment}}}"}]}}""", "/memory/moment");

        Assert.Equal(moment, stored.GetProperty("working_memory").GetProperty("tasks")[0].Text("due_at"));
    }

    [Theory]
    [InlineData("UTC")]
    [InlineData("Europe/Berlin")]
    [InlineData("America/Argentina/Buenos_Aires")]
    [InlineData("Etc/GMT+5")]
    public async Task A_zone_of_the_database_is_taken(string zone)
    {
        var stored = await shared.App.As("acme").PutMemoryAsync(Planning("timezone", zone), "/memory/zone");

        Assert.Equal(zone, stored.GetProperty("profile").GetProperty("weekly_planning").Text("timezone"));
    }

    [Fact]
    public async Task All_that_is_wrong_is_told_at_once()
    {
        var refusal = await shared.App.As("acme").AskAsync("POST", Ann,
            """{"profile":{"weekly_planning":{"planning_day":"x","timezone":"y"}},"working_memory":{"tasks":[{"title":"","status":"z"}]},"events":[{"type":"t"}]}""")
            .RefusedAsync(422, "validation-failed");

        Assert.Equal(
            ["profile.weekly_planning.planning_day", "profile.weekly_planning.timezone", "working_memory.tasks[0].title", "working_memory.tasks[0].status", "events[0].type"],
            refusal.GetProperty("errors").Members());
    }

    [Fact]
    public async Task Of_very_many_mistakes_the_first_are_told()
    {
        var body = new JsonObject { ["events"] = new JsonArray([.. Enumerable.Range(0, 5000).Select(i => new JsonObject { ["type"] = "x" + i.ToString(CultureInfo.InvariantCulture) })]) };

        var refusal = await shared.App.As("acme").AskAsync("POST", Ann, body.ToJsonString()).RefusedAsync(422, "validation-failed");

        Assert.Equal(50, refusal.GetProperty("errors").Members().Length);
    }

    [Fact]
    public async Task A_memory_that_uses_every_field_comes_back_as_it_was_sent()
    {
        var client = shared.App.As("acme");
        var sent = FullMemory.Large(200);

        var stored = await client.PutMemoryAsync(sent.ToJsonString(), "/memory/full");
        var read = await client.ReadAsync("/memory/full");

        var answer = JsonNode.Parse(read.GetRawText())!.AsObject();
        Assert.Equal("full", answer["user_id"]!.GetValue<string>());
        answer.Remove("user_id");
        Assert.True(JsonNode.DeepEquals(sent, answer), answer.ToJsonString());
        Assert.Equal(sent.ToJsonString(FullMemory.Readable), answer.ToJsonString(FullMemory.Readable)); // Numbers in their spelling, too.
        Assert.Equal(stored.GetRawText(), read.GetRawText());
        Assert.Equal("\"1\"", (await client.AskAsync("PATCH", "/memory/full", sent.ToJsonString()).DoneAsync()).Tag());
    }

    private static string Planning(string member, string value) => $$$"""{"profile":{"weekly_planning":{"{{{member}}}":"{{{value}}}"}} }""";

    private static string Block(string start, string end, string type = "focus") =>
        $$$"""{"working_memory":{"timeblocks":[{"label":"x","block_type":"{{{type}}}","start_at":"{{{start}}}","end_at":"{{{end}}}"}]} }""";
}
