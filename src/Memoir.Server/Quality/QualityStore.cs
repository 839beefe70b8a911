using Memoir.Kit.Data;

namespace Memoir.Server.Quality;

/// <summary>All SQL about policies.</summary>
internal static class QualityStore
{
    public static Task<StoredQualityPolicy?> FindAsync(Session session) =>
        session.FindAsync<StoredQualityPolicy>("SELECT secrets, personal_data, updated_at FROM quality_policies WHERE tenant_id = @Tenant", new { });

    public static Task PutAsync(Session session, SensitivePolicy policy, DateTimeOffset now)
    {
        const string sql = """
            INSERT INTO quality_policies (tenant_id, secrets, personal_data, updated_at)
            VALUES (@Tenant, @Secrets, @PersonalData, @now)
            ON CONFLICT (tenant_id) DO UPDATE SET secrets = excluded.secrets, personal_data = excluded.personal_data, updated_at = excluded.updated_at
            """;

        return session.ExecuteAsync(sql, new { policy.Secrets, policy.PersonalData, now });
    }

    public static Task<int> DeleteAsync(Session session) =>
        session.ExecuteAsync("DELETE FROM quality_policies WHERE tenant_id = @Tenant", new { });
}

/// <summary>A policy of a tenant of its own.</summary>
internal sealed record StoredQualityPolicy
{
    public required string Secrets { get; init; }

    public required string PersonalData { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }
}
