using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Telemetry;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Embeddings.Vectors;

namespace Memoir.Server.Embeddings;

/// <summary>Which provider and model make a tenant's vectors: shows it, changes it, goes back.</summary>
internal sealed class EmbeddingService(Database database, TenantGenerations generations, Embedders embedders, TimeProvider time, Meters meters)
{
    // Any text that every provider takes.
    private const string Probe = "memory";

    public async Task<EmbeddingsResponse> DescribeAsync(Tenant tenant, CancellationToken ct)
    {
        var (inUse, counts, older) = await database.ReadAsync(tenant, async session =>
        {
            var now = await generations.OfAsync(session);
            return (now, await TenantGenerations.CountAsync(session, now), await TenantGenerations.ListOlderAsync(session, now));
        }, ct);
        return new EmbeddingsResponse
        {
            Current = ToResponse(inUse),
            Progress = new EmbeddingProgress(counts.Total, counts.Embedded, counts.Failed, counts.Pending),
            Previous = [.. older.Select(item => ToResponse(item.Row, item.Vectors))],
            Providers = embedders.Configured,
        };
    }

    /// <summary>Chooses for the tenant. The same choice again starts over with what has no vector.</summary>
    /// <exception cref="ProblemException">422 when the provider is not configured or refuses; 503 when it does not answer.</exception>
    public async Task<EmbeddingChoiceResponse> ChooseAsync(
        Tenant tenant, ChooseEmbeddingsRequest request, string actor, string requestId, CancellationToken ct)
    {
        Check(request);
        var chosen = ProviderNames.GenerationOf(request.Provider, request.Model, request.Dimensions);
        var inUse = await database.ReadAsync(tenant, session => generations.OfAsync(session), ct);
        if (inUse.Generation.Key != chosen.Key)
        {
            await TryAsync(chosen, ct);
        }

        return await database.WriteAsync(tenant, async session =>
        {
            var switched = await generations.SwitchAsync(session, chosen, isChosen: true);
            await AuditLog.AppendAsync(session, new AuditRecord(actor, "embeddings.choose", chosen.Key, 1, requestId), time.Now());
            return ToResponse(switched);
        }, ct);
    }

    /// <summary>Goes back to the generation before; what was written since gets its vectors in the background.</summary>
    /// <exception cref="ProblemException">409 when there is none to go back to, or its provider is not configured any more.</exception>
    public Task<EmbeddingChoiceResponse> RollBackAsync(
        Tenant tenant, string actor, string requestId, Companion<EmbeddingChoiceResponse>? companion, CancellationToken ct) =>
        database.WriteAsync(tenant, async session =>
        {
            if (companion is not null)
            {
                await companion.Before(session);
            }

            var previous = (await generations.InAsync(session)).Previous
                ?? throw new ProblemException(Problem.Conflict, "There is no earlier generation of vectors to go back to.");
            if (!embedders.Configured.Contains(previous.Provider))
            {
                throw new ProblemException(Problem.Conflict, $"The provider {previous.Provider} is not configured on this server any more.");
            }

            var inUse = await generations.SwitchAsync(session, previous.ToGeneration(), isChosen: true);
            await AuditLog.AppendAsync(session, new AuditRecord(actor, "embeddings.rollback", previous.Generation, 1, requestId), time.Now());
            var answer = ToResponse(inUse);
            if (companion is not null)
            {
                await companion.After(session, answer);
            }

            return answer;
        }, ct);

    private void Check(ChooseEmbeddingsRequest request)
    {
        var checks = new FieldChecks();
        checks.OneOf("provider", request.Provider, [.. embedders.Configured]);
        checks.Range("dimensions", request.Dimensions, 1, VectorSketch.MaxDimensions);
        if (request.Model is { } model && !ProviderNames.IsModel(model))
        {
            checks.Add("model", ProviderNames.ModelRule);
        }

        if (request.Provider is ProviderNames.Builtin or ProviderNames.Mock)
        {
            var only = ProviderNames.GenerationOf(request.Provider, model: null, dimensions: null);
            checks.OneOf("model", request.Model, only.Model);
            checks.Range("dimensions", request.Dimensions, only.Dimensions, only.Dimensions);
        }

        checks.ThrowIfAny();
    }

    /// <summary>One text through the new model, before a whole store is sent there for nothing.</summary>
    private async Task TryAsync(EmbeddingGeneration chosen, CancellationToken ct)
    {
        try
        {
            await embedders.For(chosen).EmbedAsync(meters, [Probe], EmbeddingPurpose.Query, ct);
        }
        catch (EmbeddingException failure)
        {
            embedders.Forget(chosen);
            throw failure switch
            {
                { IsPermanent: true } => ProblemException.Field("model", "the provider refuses this model, its dimensions or the server's key for it"),
                { Error: EmbeddingError.InvalidAnswer } => ProblemException.Field("dimensions", failure.Message),
                _ => new ProblemException(
                    Problem.DependencyUnavailable,
                    "The embedding provider does not answer, so the change cannot be tried out. Nothing was changed."),
            };
        }
    }

    private static EmbeddingGenerationResponse ToResponse(GenerationRow row, long vectors) => new(
        row.Provider, row.Model, row.Dimensions, row.Generation, row.Role == GenerationRow.Retired ? "deleting" : "kept", vectors);

    private static EmbeddingChoiceResponse ToResponse(TenantVectors inUse) => new()
    {
        Provider = inUse.Generation.Provider,
        Model = inUse.Generation.Model,
        Dimensions = inUse.Generation.Dimensions,
        Generation = inUse.Generation.Key,
        ChosenBy = inUse.Current is { IsChosen: 1 } ? "tenant" : "server",
        Since = inUse.Current?.Since,
    };
}
