using System.Text.Json;
using System.Text.RegularExpressions;
using Memoir.Faults.Common;

namespace Memoir.Faults.Cycles;

/// <summary>Compares what the server shows after its restart with what the ledger allows.</summary>
internal sealed partial class Checker(Api api, Ledger ledger)
{
    private const int Parallelism = 4;

    /// <summary>Reads whole conversations: each message once and in an allowed state, and none that was never sent.</summary>
    public async Task CheckConversationsAsync(IEnumerable<ExpectedMessage> messages, CancellationToken ct)
    {
        var conversations = messages.GroupBy(message => (message.Tenant, message.Conversation));
        await Parallel.ForEachAsync(conversations, Options(ct), async (conversation, ct) =>
        {
            var (tenant, name) = conversation.Key;
            var found = await ListAsync(tenant, name, ct);
            var expected = conversation.ToDictionary(message => message.Entity, StringComparer.Ordinal);
            foreach (var message in expected.Values)
            {
                CheckState(message, found[message.Entity].ToList());
            }

            foreach (var stranger in found.Where(items => !expected.ContainsKey(items.Key)))
            {
                ledger.Report("torn", $"{tenant}/{name}/{stranger.Key}", "is there, though it was refused or never sent");
            }
        });
    }

    /// <summary>Reads messages one by one: the acknowledged ones whole, the forgotten ones gone.</summary>
    public Task CheckByIdAsync(IEnumerable<ExpectedMessage> messages, CancellationToken ct) =>
        Parallel.ForEachAsync(messages.Where(message => message.Id is not null), Options(ct), async (message, ct) =>
        {
            var answer = await GetAsync($"/v1/messages/{message.Id}?tenant_id={message.Tenant}", ct);
            if (message.Acknowledged is not { } version)
            {
                if (answer.IsSuccess)
                {
                    ledger.Report("lost", message.Entity, $"its deletion is undone ({message.Id})");
                }
            }
            else if (!answer.IsSuccess)
            {
                ledger.Report("lost", message.Entity, $"answers {answer.Status} by id ({message.Id})");
            }
            else if (!version.Matches(answer.Json))
            {
                ledger.Report("torn", message.Entity, $"differs by id: {answer.Excerpt}");
            }
        });

    /// <summary>
    /// Searches for the one word that only this message has: the index must know it, or must have forgotten it. Lexically, and
    /// deep enough for the neighbours that share a hit: this is about the index, not about the ranking.
    /// </summary>
    public Task CheckBySearchAsync(IEnumerable<ExpectedMessage> messages, CancellationToken ct) =>
        Parallel.ForEachAsync(messages, Options(ct), async (message, ct) =>
        {
            if (message.Acknowledged is { } version && !(await SearchAsync(message, version, ct)).Any(version.IsContentOf))
            {
                ledger.Report("torn", message.Entity, $"is stored, but a search for {version.Token} does not find it ({message.Id})");
            }

            var gone = message.Past.LastOrDefault(past => past.Token != message.Acknowledged?.Token);
            if (gone is not null && (await SearchAsync(message, gone, ct)).Any(gone.IsContentOf))
            {
                ledger.Report("torn", message.Entity, $"was replaced or deleted, but search still finds {gone.Token} ({message.Id})");
            }
        });

    /// <summary>A key that was acknowledged opens the door, a revoked one does not, and no name stands there twice.</summary>
    public async Task CheckKeysAsync(IReadOnlyCollection<ExpectedKey> keys, CancellationToken ct)
    {
        var listed = new List<JsonElement>();
        foreach (var tenant in keys.Select(key => key.Tenant).Distinct())
        {
            listed.AddRange(await PagesAsync($"/v1/admin/keys?tenant_id={tenant}", ct));
        }

        var names = listed.DistinctBy(item => MessageVersion.Text(item, "id")).CountBy(item => MessageVersion.Text(item, "name") ?? "").ToDictionary();
        foreach (var key in keys)
        {
            var count = names.GetValueOrDefault(key.Name);
            if (count > 1)
            {
                ledger.Report("duplicated", key.Name, $"was made {count} times");
            }

            if (key.InDoubt)
            {
                continue;
            }

            if (key.Active && count == 0)
            {
                ledger.Report("lost", key.Name, "is not listed");
            }

            if (key.Secret is { } secret)
            {
                var answer = await api.GetAsync($"/v1/memory/search?tenant_id={key.Tenant}&query=coffee", secret, ct);
                var wanted = key.Active ? 200 : 401;
                if (answer.Status != wanted)
                {
                    ledger.Report("lost", key.Name, $"answers {answer.Status} instead of {wanted}");
                }
            }
        }
    }

    private void CheckState(ExpectedMessage message, List<JsonElement> found)
    {
        if (found.Count > 1)
        {
            ledger.Report("duplicated", message.Entity, $"is there {found.Count} times");
        }

        message.Observed = null;
        if (found.Count == 0)
        {
            if (message.Acknowledged is not null && !(message.InDoubt && message.Possible is null))
            {
                ledger.Report("lost", message.Entity, $"{message.Acknowledged.Token} is gone ({message.Id})");
            }

            return;
        }

        var item = found[0];
        MessageVersion?[] allowed = message.InDoubt ? [message.Acknowledged, message.Possible] : [message.Acknowledged];
        message.Observed = allowed.FirstOrDefault(version => version is not null && version.Matches(item));
        if (message.Observed is not null)
        {
            message.Id = MessageVersion.Text(item, "id");
            return;
        }

        var isOld = message.Acknowledged is null || message.Past.Any(version => version.Matches(item));
        ledger.Report(isOld ? "lost" : "torn", message.Entity, $"is in a state that is not the acknowledged one: {item}");
    }

    private async Task<ILookup<string, JsonElement>> ListAsync(string tenant, string conversation, CancellationToken ct)
    {
        var items = await PagesAsync($"/v1/conversations/{conversation}/messages?tenant_id={tenant}", ct);
        return items.ToLookup(
            item => Entity().Match(MessageVersion.Text(item, "content") ?? "").Value is { Length: > 0 } entity ? entity : "text without a token",
            StringComparer.Ordinal);
    }

    private async Task<IEnumerable<JsonElement>> SearchAsync(ExpectedMessage message, MessageVersion version, CancellationToken ct)
    {
        var answer = await GetAsync($"/v1/memory/search?tenant_id={message.Tenant}&query={version.Token}&mode=lexical&top_k=20", ct);
        return answer.IsSuccess ? answer.Json.GetProperty("items").EnumerateArray() : [];
    }

    private async Task<List<JsonElement>> PagesAsync(string path, CancellationToken ct)
    {
        var items = new List<JsonElement>();
        string? cursor = null;
        do
        {
            var page = await GetAsync($"{path}&limit=200{(cursor is null ? "" : $"&cursor={cursor}")}", ct);
            if (!page.IsSuccess)
            {
                break;
            }

            items.AddRange(page.Json.GetProperty("items").EnumerateArray());
            cursor = MessageVersion.Text(page.Json, "next_cursor");
        }
        while (cursor is not null);
        return items;
    }

    /// <summary>A read: anything but success or "not there" is a fault of its own.</summary>
    private async Task<ApiAnswer> GetAsync(string path, CancellationToken ct)
    {
        var answer = await api.GetAsync(path, ct);
        if (!answer.IsSuccess && answer.Status != 404)
        {
            ledger.Report("unexpected", $"GET {path}", $"answered {answer.Status}: {answer.Excerpt}");
        }

        return answer;
    }

    private static ParallelOptions Options(CancellationToken ct) => new() { MaxDegreeOfParallelism = Parallelism, CancellationToken = ct };

    [GeneratedRegex(@"^zq\d+x\d+")]
    private static partial Regex Entity();
}
