using System.Text;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Wire;

namespace Memoir.Server.Memories;

/// <summary>What a caller may hang on a memory: a JSON object of at most 16 KiB and 64 members.</summary>
internal static class MetadataRules
{
    private const int MaxBytes = 16 * 1024;
    private const int MaxMembers = 64;

    /// <exception cref="ProblemException">400: it is no object, or has a number that no database keeps.</exception>
    public static Json Check(FieldChecks checks, JsonElement? given)
    {
        if (given is not { } metadata)
        {
            return Json.EmptyObject;
        }

        if (metadata.ValueKind is not JsonValueKind.Object)
        {
            throw ProblemException.Body("metadata", "must be an object");
        }

        var text = metadata.GetRawText();
        if (text.Length > MaxBytes || Encoding.UTF8.GetByteCount(text) > MaxBytes)
        {
            checks.Add("metadata", "must have at most 16 KiB");
        }
        else if (metadata.GetPropertyCount() > MaxMembers)
        {
            checks.Add("metadata", $"must have at most {MaxMembers} members");
        }

        BoundedNumbers.Require("metadata", metadata);
        return new Json(text);
    }
}
