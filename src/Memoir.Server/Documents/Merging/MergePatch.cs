using System.Text.Json.Nodes;

namespace Memoir.Server.Documents.Merging;

/// <summary>JSON Merge Patch (RFC 7396): <c>null</c> removes, objects merge deeply, everything else replaces.</summary>
internal static class MergePatch
{
    public const string MediaType = "application/merge-patch+json";

    /// <summary>Changes <paramref name="target"/>; <paramref name="patch"/> stays as it is.</summary>
    public static void Apply(JsonObject target, JsonObject patch)
    {
        foreach (var (name, value) in patch)
        {
            switch (value)
            {
                case null:
                    target.Remove(name);
                    break;
                case JsonObject from:
                    if (target[name] is not JsonObject into)
                    {
                        target[name] = into = [];
                    }

                    Apply(into, from);
                    break;
                default:
                    target[name] = value.DeepClone();
                    break;
            }
        }
    }
}
