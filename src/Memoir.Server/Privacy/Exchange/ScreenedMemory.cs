using System.Text;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Http.Json;
using Memoir.Server.Memories;
using Memoir.Server.Quality;

namespace Memoir.Server.Privacy.Exchange;

/// <summary>A memory of an export with its versions, as the tenant's policy lets it in.</summary>
/// <param name="Sent">As it stands in the file.</param>
/// <param name="Stored">As it is stored.</param>
/// <param name="Refusal">Why it is not; null when it is.</param>
internal sealed record ScreenedMemory(IncomingMemory Sent, IncomingMemory Stored, string? Refusal)
{
    public static ScreenedMemory Of(IncomingMemory sent, SensitivePolicy policy)
    {
        var (screening, versions) = (new Screening(policy), new Screening(policy));
        var memory = sent.Memory;
        try
        {
            RequireText("value", memory.Value);
            RequireText("tags", memory.Tags);
            var screened = Intake.Screened(
                new NewMemory { Type = memory.Type, Key = memory.Key, Content = memory.Content, Value = memory.Value, Metadata = memory.Metadata, Tags = memory.Tags }, screening);
            var stored = new IncomingMemory(sent.Number, memory with
            {
                Content = screened.Content,
                Value = screened.Value,
                Metadata = screened.Metadata,
                Tags = screened.Tags,
                Masked = Screening.Join(memory.Masked, screening.Masked),
            });
            stored.Versions.AddRange(sent.Versions.Select(version => version with { Snapshot = new Json(versions.Snapshot(version.Snapshot.Text)) }));
            screening.ThrowIfRefused();
            versions.ThrowIfRefused();
            return new ScreenedMemory(sent, screening.IsClean && versions.IsClean ? sent : stored, null);
        }
        catch (ProblemException refusal)
        {
            return new ScreenedMemory(sent, sent, refusal.Message);
        }
    }

    /// <summary>What stands in a line as a text is JSON of its own, whose escapes nobody has looked at yet.</summary>
    private static void RequireText(string path, string? json)
    {
        if (json is not null && !StrictJson.IsKeepable(Encoding.UTF8.GetBytes(json)))
        {
            throw ProblemException.Body(path, "holds a character that cannot be kept");
        }
    }
}
