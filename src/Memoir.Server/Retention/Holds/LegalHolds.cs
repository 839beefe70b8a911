using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Access;
using Memoir.Server.Memories;

namespace Memoir.Server.Retention.Holds;

/// <summary>Places and lifts legal holds, and tells whoever deletes what they cover.</summary>
internal sealed class LegalHolds(Database database, TimeProvider time)
{
    /// <summary>1 where a hold covers the row of <c>memories</c> that a statement stands on, else 0.</summary>
    public const string IsHeld = """
        CASE WHEN EXISTS (SELECT 1 FROM legal_holds h WHERE h.tenant_id = @Tenant AND h.kind = 'tenant')
            OR EXISTS (SELECT 1 FROM legal_holds h WHERE h.tenant_id = @Tenant AND h.kind = 'user' AND h.subject = memories.user_id)
            OR EXISTS (SELECT 1 FROM legal_holds h WHERE h.tenant_id = @Tenant AND h.kind = 'conversation' AND h.subject = memories.conversation_id)
            OR EXISTS (SELECT 1 FROM legal_holds h WHERE h.tenant_id = @Tenant AND h.memory_id = memories.id)
            THEN CAST(1 AS BIGINT) ELSE 0 END
        """;

    /// <returns>The name of a hold that covers the memory; null when none does.</returns>
    public static Task<string?> FindAsync(Session session, Guid memory) => LegalHoldStore.FindForMemoryAsync(session, memory);

    /// <returns>The name of a hold that covers the user, or anything that is the user's; null when none does.</returns>
    public static Task<string?> FindOfUserAsync(Session session, string userId) => LegalHoldStore.FindForUserAsync(session, userId);

    /// <returns>The name of a hold that covers anything of the session's tenant; null when there is none.</returns>
    public static Task<string?> FindAnyAsync(Session session) => LegalHoldStore.FindAnyAsync(session);

    /// <summary>What whoever deletes says to a hold that was found.</summary>
    public static ProblemException Refusal(string hold) =>
        new(Problem.Conflict, $"The legal hold {hold} forbids to delete this. Nothing was deleted.");

    /// <summary>Places a hold. The same name again may only say another reason: whoever wants it elsewhere lifts it first.</summary>
    /// <returns>Null when it is to cover a message that this tenant has not.</returns>
    /// <exception cref="ProblemException">422 for a field that breaks its rule, 409 when the name is taken for something else.</exception>
    public Task<LegalHold?> PlaceAsync(Tenant tenant, string name, PlaceHoldRequest request, Writer writer, CancellationToken ct)
    {
        Check(name, request);
        var now = time.Now();
        var hold = Of(name, request, writer, now);
        return database.WriteAsync(tenant, async session =>
        {
            if (hold.MemoryId is { } id && !await LegalHoldStore.HasMemoryAsync(session, id))
            {
                return null;
            }

            var old = await LegalHoldStore.FindAsync(session, name);
            if (old is not null && (old.Kind != hold.Kind || old.Subject != hold.Subject))
            {
                throw new ProblemException(Problem.Conflict, "A hold of this name covers something else. Lift that one, or give this one another name.");
            }

            await LegalHoldStore.PutAsync(session, hold);
            await AuditLog.AppendAsync(session, new AuditRecord(writer.Credential, "hold.place", name, 1, writer.RequestId), now);
            return await LegalHoldStore.FindAsync(session, name);
        }, ct);
    }

    /// <returns>False when this tenant has no such hold.</returns>
    public Task<bool> LiftAsync(Tenant tenant, string name, Writer writer, CancellationToken ct)
    {
        var now = time.Now();
        return database.WriteAsync(tenant, async session =>
        {
            if (await LegalHoldStore.DeleteAsync(session, name) == 0)
            {
                return false;
            }

            await AuditLog.AppendAsync(session, new AuditRecord(writer.Credential, "hold.lift", name, 1, writer.RequestId), now);
            return true;
        }, ct);
    }

    public Task<IReadOnlyList<LegalHold>> ListAsync(Tenant tenant, string after, int limit, CancellationToken ct) =>
        database.ReadAsync(tenant, session => LegalHoldStore.ListAsync(session, after, limit), ct);

    private static LegalHold Of(string name, PlaceHoldRequest request, Writer writer, DateTimeOffset now)
    {
        var (kind, subject) = request switch
        {
            { UserId: { } user } => (HoldKind.User, user),
            { ConversationId: { } conversation } => (HoldKind.Conversation, conversation),
            { MessageId: { } message } => (HoldKind.Message, message.ToString()),
            _ => (HoldKind.Tenant, ""),
        };
        return new LegalHold
        {
            Name = name,
            Kind = kind,
            Subject = subject,
            MemoryId = request.MessageId,
            Reason = request.Reason,
            PlacedBy = writer.Credential,
            CreatedAt = now,
        };
    }

    private static void Check(string name, PlaceHoldRequest request)
    {
        var checks = new FieldChecks()
            .Length("user_id", request.UserId, 1, 255)
            .Length("conversation_id", request.ConversationId, 1, 255)
            .Length("reason", request.Reason, 1, 500);
        if (!TenantId.IsValid(name))
        {
            checks.Add("name", TenantId.Rule);
        }

        if (new object?[] { request.UserId, request.ConversationId, request.MessageId }.Count(named => named is not null) > 1)
        {
            checks.Add("message_id", "a hold covers one thing: user_id, conversation_id, message_id, or none of them for the whole tenant");
        }

        checks.ThrowIfAny();
    }
}
