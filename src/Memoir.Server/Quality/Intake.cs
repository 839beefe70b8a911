using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Memories;

namespace Memoir.Server.Quality;

/// <summary>
/// Where everything that is to be stored comes in: what is sensitive in it is masked or refused as the tenant has it, before it is
/// analysed, embedded or written anywhere, and the moment of its coming is told.
/// </summary>
internal sealed class Intake(QualityPolicies policies, TimeProvider time)
{
    public DateTimeOffset Now() => time.Now();

    /// <summary>The items as they may be stored.</summary>
    /// <param name="tenant">Whose they are.</param>
    /// <param name="items">As they came.</param>
    /// <param name="answered">Ends the write of a request that was carried out before with its answer; that is never refused.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="ProblemException">422: the policy refuses one of them.</exception>
    public async Task<IReadOnlyList<NewMemory>> ScreenAsync(Tenant tenant, IReadOnlyList<NewMemory> items, Func<Session, Task>? answered, CancellationToken ct)
    {
        SensitivePolicy? policy = null;
        NewMemory[]? screened = null;
        for (var i = 0; i < items.Count; i++)
        {
            if (items[i].IsScreened || IsClean(items[i]))
            {
                continue;
            }

            policy ??= await PolicyAsync(tenant, ct);
            screened ??= [.. items];
            try
            {
                screened[i] = Screened(items[i], policy);
            }
            catch (ProblemException refusal) when (answered is not null)
            {
                await policies.RefuseAsync(tenant, answered, refusal, ct);
            }
        }

        return screened ?? items;
    }

    /// <summary>The items of a batch as they may be stored, and which of them the policy refuses; those that it lets in are not screened again.</summary>
    public async Task<JudgedItems> JudgeAsync(Tenant tenant, IReadOnlyList<NewMemory> items, CancellationToken ct)
    {
        SensitivePolicy? policy = null;
        ProblemException?[]? refusals = null;
        var judged = new NewMemory[items.Count];
        for (var i = 0; i < judged.Length; i++)
        {
            judged[i] = items[i] with { IsScreened = true };
            if (IsClean(items[i]))
            {
                continue;
            }

            policy ??= await PolicyAsync(tenant, ct);
            try
            {
                judged[i] = Screened(judged[i], policy);
            }
            catch (ProblemException refusal)
            {
                (refusals ??= new ProblemException?[items.Count])[i] = refusal;
            }
        }

        return new JudgedItems(judged, refusals);
    }

    /// <summary>A memory as it may become: what it said before is not judged again.</summary>
    /// <param name="session">The session of the write.</param>
    /// <param name="old">What it is.</param>
    /// <param name="changed">What it is to be.</param>
    /// <param name="isVersion">It was so before: what was masked then is masked still.</param>
    /// <exception cref="ProblemException">422: the policy refuses it.</exception>
    public async Task<Memory> ScreenAsync(Session session, Memory old, Memory changed, bool isVersion)
    {
        if (Screened(old, changed, isVersion, new Screening(SensitivePolicy.MaskAll)).IsClean)
        {
            return changed with { Masked = MarksOf(old, changed, isVersion, masked: null) };
        }

        var screening = new Screening((await policies.FindAsync(session)).Policy);
        var screened = Screened(old, changed, isVersion, screening).Memory;
        screening.ThrowIfRefused();
        return screened with { Masked = MarksOf(old, screened, isVersion, screening.Masked) };
    }

    /// <summary>What a tenant does with what is sensitive.</summary>
    public async Task<SensitivePolicy> PolicyAsync(Tenant tenant, CancellationToken ct) => (await policies.FindAsync(tenant, ct)).Policy;

    /// <exception cref="ProblemException">422: the policy refuses it.</exception>
    private static NewMemory Screened(NewMemory item, SensitivePolicy policy)
    {
        var screening = new Screening(policy);
        var screened = Screened(item, screening);
        screening.ThrowIfRefused();
        return screened;
    }

    private static bool IsClean(NewMemory item)
    {
        var screening = new Screening(SensitivePolicy.MaskAll);
        Screened(item, screening);
        return screening.IsClean;
    }

    /// <summary>The item as a policy has it; what it refuses is left to the screening to say.</summary>
    public static NewMemory Screened(NewMemory item, Screening screening)
    {
        var value = item.Value is null ? null : screening.Json("value", item.Value, item.Key);
        var words = ReferenceEquals(value, item.Value) ? item.Content : screening.Words("value", item.Key ?? item.Type, value!);
        var screened = item with
        {
            Value = value,
            Content = screening.Content(words),
            Metadata = new Json(screening.Json("metadata", item.Metadata.Text, name: null)),
            Tags = item.Tags is null ? null : screening.Json("categories", item.Tags, name: null),
        };
        return screening.IsClean ? item : screened with { Masked = Screening.Serialize(screening.Masked) };
    }

    private static (Memory Memory, bool IsClean) Screened(Memory old, Memory changed, bool isVersion, Screening screening)
    {
        var value = changed.Value is null || changed.Value == old.Value ? changed.Value : screening.Json("value", changed.Value, changed.Key);
        var words = ReferenceEquals(value, changed.Value) ? changed.Content : screening.Words("value", changed.Key ?? changed.Type, value!);
        var screened = changed with
        {
            Value = value,
            Content = words == old.Content ? words : screening.Content(words),
            Metadata = changed.Metadata == old.Metadata ? changed.Metadata : new Json(screening.Json("metadata", changed.Metadata.Text, name: null)),
            Tags = changed.Tags is null || changed.Tags == old.Tags ? changed.Tags : screening.Json("categories", changed.Tags, name: null),
        };
        return (screened, screening.IsClean);
    }

    /// <summary>What is known to be masked in the fields that stay as they were, and what was masked now in the others.</summary>
    private static string? MarksOf(Memory old, Memory changed, bool isVersion, IReadOnlyList<MaskedField>? masked)
    {
        if (changed.Masked is null || isVersion)
        {
            return Screening.Join(changed.Masked, masked);
        }

        var stays = (Screening.Parse(changed.Masked) ?? []).Where(one => !IsChanged(old, changed, one.Field) && masked?.Any(now => now.Field == one.Field) is not true);
        return Screening.Serialize([.. stays, .. masked ?? []]);
    }

    private static bool IsChanged(Memory old, Memory changed, string field) => field switch
    {
        "content" => old.Content != changed.Content,
        "value" => old.Value != changed.Value,
        "metadata" => old.Metadata != changed.Metadata,
        "categories" => old.Tags != changed.Tags,
        _ => true,
    };
}

/// <summary>The items of a batch after the policy had its say.</summary>
/// <param name="Items">All of them; what is refused stands there as it came.</param>
/// <param name="Refusals">A place for each; null where all may be stored.</param>
internal sealed record JudgedItems(IReadOnlyList<NewMemory> Items, IReadOnlyList<ProblemException?>? Refusals);
