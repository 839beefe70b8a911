using System.Buffers;
using System.Text.RegularExpressions;

namespace Memoir.Server.Quality.Doubts;

/// <summary>
/// What is put around a conversation and is no part of it: who the assistant is to be, and how recalled text is handed to it.
/// Of a system's own words the beginning is enough; of others' it must go on as such texts do.
/// </summary>
internal static partial class PromptScaffold
{
    private const int LongestScanned = 4_000;
    private const RegexOptions Usual = RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking;

    private static readonly SearchValues<string> Handed = SearchValues.Create(["context", "memor", "history"], StringComparison.OrdinalIgnoreCase);
    private static readonly SearchValues<string> Parts = SearchValues.Create(["assistant", "bot", "language model", "agent", "ai model", "llm"], StringComparison.OrdinalIgnoreCase);

    public static bool IsIn(string text, string? role)
    {
        var beginning = text.Length > LongestScanned ? text[..LongestScanned] : text;
        var mayHandOver = beginning.AsSpan().ContainsAny(Handed);
        var mayBePart = beginning.AsSpan().ContainsAny(Parts);
        if (!mayHandOver && !mayBePart)
        {
            return false; // As nearly all are.
        }

        var scanned = beginning.Replace('\u2019', '\'');
        if (mayHandOver && HandsOver().IsMatch(scanned))
        {
            return true;
        }

        return mayBePart && Part().IsMatch(scanned) && (role == "system" || Continues().IsMatch(scanned));
    }

    /// <summary>"You are a helpful assistant": at the very beginning, and no title of a person such as an assistant manager's.</summary>
    [GeneratedRegex(
        @"^[\s#*>-]*(?:\[?system\]?(?:[ \t]+prompt)?[ \t]*:[ \t\r\n]*)?(?:you are|you're|act as|your role is to be|i want you to act as)[ \t]+(?:an?|the|[\w.-]{1,30},[ \t]+an?)[ \t]+(?:[\w'-]+,?[ \t]+(?:and[ \t]+)?){0,6}?(?:assistant|chat ?bot|voice ?bot|language model|ai agent|voice agent|support agent|ai model|llm)(?:[ \t]*[.,;:!\n\r(]|[ \t]+(?:that|who|whose|for|designed|built|with|named|called|created|developed|made|trained|working|specialized|specialised|tasked|in|powered|of|at|on|and|to help|to)\b|$)",
        Usual)]
    private static partial Regex Part();

    [GeneratedRegex(
        @"\b(?:your (?:task|job|goal|purpose|responsibilit(?:y|ies)|role|instructions|knowledge cutoff) (?:is|are|will be)|you (?:must|should|will|can|may) (?:not |never |always |only )?(?:answer|respond|reply|help|provide|use|follow|give|be|keep|assist|refuse|speak|ask|include|mention)|you have access to|you (?:help|assist|answer|respond|provide|support) (?:the )?(?:users?|customers?|callers?|people|questions)|(?:answer|respond to|reply to|help|assist) (?:the |all )?(?:users?|customers?|callers?)|(?:always|never|only) (?:answer|respond|reply|be|use|reveal|mention|provide|follow|give|speak)|(?:answer|respond|reply)(?: \w+)? (?:in|with|concisely|briefly|politely|using|only|as)\b|(?:that|who|designed|built|trained|tasked)(?: to| with)? (?:helps?|answers?|assists?|provides?|responds?|follows?|speaks?|answering|helping|assisting)|use the (?:following|provided|tools?|context)|based on the (?:context|following|conversation)|do not (?:answer|reveal|mention|make up|use|respond|disclose|invent)|if you (?:don't|do not) know|be (?:concise|polite|helpful|friendly|brief|honest|professional)|current date\b|knowledge cutoff)",
        Usual)]
    private static partial Regex Continues();

    /// <summary>How recalled text is introduced to a model.</summary>
    [GeneratedRegex(
        @"(?:^|[\n\r.!?][ \t]*)(?:please[ \t]+)?(?:(?:use|given|considering|based on)[ \t]+(?:only[ \t]+)?(?:the|these)[ \t]+(?:following|above|provided|retrieved|below|recalled)[ \t]+(?:pieces of[ \t]+|relevant[ \t]+)?(?:retrieved[ \t]+|recalled[ \t]+|user[ \t]+)?(?:context|memories|memory|conversation history|chat history)(?:[ \t]+(?:below|provided|snippets|entries|items))?[ \t]*(?:[:,]|(?:to|when|for|in order to)[ \t]+(?:answer|respond|help|inform|personali[sz]e|reply|answering|responding|generate)|,?[ \t]*answer the)"
        + @"|here (?:are|is)[ \t]+(?:some[ \t]+|the[ \t]+)?(?:most[ \t]+)?(?:relevant|recalled|retrieved|stored|long-term)[ \t]+memor(?:ies|y)\b"
        + @"|#{0,4}[ \t]*(?:relevant|retrieved|recalled|stored|long-term|user)[ \t]+memories(?:[ \t]+(?:about|of|from|for)[ \t]+(?:the[ \t]+)?(?:user|past|previous|earlier|this)[\w ]{0,30})?[ \t]*:[ \t]*(?:[\n\r]|$)"
        + @"|the following (?:are|is)[ \t]+(?:relevant |recalled |retrieved |stored )?memor(?:ies|y)[ \t]+(?:about|of|from|for)[ \t]+(?:the|this|your)[ \t]+(?:user|conversation|past|previous)"
        + @"|</?(?:recalled_memories|relevant_memories|retrieved_context|user_memories|memory_context)>)",
        Usual)]
    private static partial Regex HandsOver();
}
