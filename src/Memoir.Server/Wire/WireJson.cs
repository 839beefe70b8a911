using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Memoir.Server.Access;
using Memoir.Server.Admin;
using Memoir.Server.Analytics;
using Memoir.Server.Audit;
using Memoir.Server.Backups;
using Memoir.Server.Documents;
using Memoir.Server.Embeddings;
using Memoir.Server.Jobs;
using Memoir.Server.Limits;
using Memoir.Server.Messages;
using Memoir.Server.Privacy;
using Memoir.Server.Quality;
using Memoir.Server.Quality.Quarantine;
using Memoir.Server.Recall;
using Memoir.Server.Retention;
using Memoir.Server.Retention.Holds;
using Memoir.Server.Voice;
using Memoir.Kit.Http.Json;

namespace Memoir.Server.Wire;

/// <summary>Every contract of this program, read and written by one strict set of options with generated code.</summary>
internal static class WireJson
{
    public static JsonSerializerOptions Options { get; } =
        StrictJson.Options(
            MessagesJson.Default,
            DocumentsJson.Default,
            VoiceJson.Default,
            QuarantineJson.Default,
            RecallJson.Default,
            EmbeddingsJson.Default,
            JobsJson.Default,
            LimitsJson.Default,
            AuditJson.Default,
            RetentionJson.Default,
            HoldsJson.Default,
            QualityJson.Default,
            PrivacyJson.Default,
            BackupsJson.Default,
            AnalyticsJson.Default,
            AccessJson.Default,
            AdminJson.Default);

    public static JsonTypeInfo<T> Of<T>() => (JsonTypeInfo<T>)Options.GetTypeInfo(typeof(T));

    public static T Parse<T>(ReadOnlySpan<byte> body) => StrictJson.Parse(body, Of<T>());
}
