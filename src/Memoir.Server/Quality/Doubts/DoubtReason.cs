namespace Memoir.Server.Quality.Doubts;

/// <summary>Why a text is kept apart until somebody has looked at it.</summary>
internal static class DoubtReason
{
    /// <summary>It is built to steer an assistant that reads it.</summary>
    public const string InjectionPattern = "injection_pattern";

    /// <summary>It is what an assistant was told about its part, not what was said in it.</summary>
    public const string RestatedPrompt = "restated_prompt";

    /// <summary>An assistant or a tool says what was just recalled for it.</summary>
    public const string RecalledEcho = "recalled_echo";

    /// <summary>It was said, and nothing tells by whom.</summary>
    public const string NoSpeaker = "no_speaker";
}
