using Memoir.Server.Quality.Detection;

namespace Memoir.Server.Quality;

/// <summary>What a tenant does with what is sensitive in the texts that it stores.</summary>
/// <param name="Secrets">One of <see cref="SensitiveAction"/>, for what lets its holder in.</param>
/// <param name="PersonalData">The same for what leads to a person.</param>
internal sealed record SensitivePolicy(string Secrets, string PersonalData)
{
    /// <summary>Finds whatever there is.</summary>
    public static SensitivePolicy MaskAll { get; } = new(SensitiveAction.Mask, SensitiveAction.Mask);

    /// <summary>For what is kept beside what was asked for, such as the words of a search.</summary>
    public static SensitivePolicy MaskSecrets { get; } = new(SensitiveAction.Mask, SensitiveAction.Keep);

    public string Of(SensitiveKind kind) => kind.Class() is SensitiveClass.Secrets ? Secrets : PersonalData;
}

/// <summary>What is done, as the wire spells it.</summary>
internal static class SensitiveAction
{
    public const string Keep = "keep";
    public const string Mask = "mask";
    public const string Refuse = "refuse";

    public static IReadOnlyList<string> All { get; } = [Keep, Mask, Refuse];
}
