using System.Text;
using System.Text.Json;
using Memoir.Kit.Data;

namespace Memoir.Server.Privacy.Exchange;

/// <summary>What a kept version says, as far as these rooms need it.</summary>
internal static class Snapshots
{
    /// <summary>Spelled as the core spells them, so that what looks for a subject finds it.</summary>
    public static Json Respell(JsonElement snapshot)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            snapshot.WriteTo(json);
        }

        return new Json(Encoding.UTF8.GetString(buffer.ToArray()));
    }
}
