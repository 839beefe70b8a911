using System.Buffers;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Memoir.Server.Quality.Doubts;

/// <summary>
/// Texts that give an assistant orders of their own. Few forms, each of which hardly anybody writes who only talks about such
/// things: an order stands at the beginning of a sentence and outside of quotation marks and code. Far from complete, and not
/// meant to be: what protects is that recalled text is never given to a model as instructions.
/// </summary>
internal static partial class InjectionPatterns
{
    private const int LongestScanned = 20_000;
    private const int FewestHidden = 6;
    private const RegexOptions Usual = RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking;

    private const string Before = "(?:previous|prior|preceding|earlier|above|former|existing|original|initial|past)";
    private const string Orders = "(?:instructions?|prompts?|directives?|guidelines|rules|commands|programming|restrictions|constraints|safety (?:rules|guidelines|policies|measures|filters|instructions))";
    private const string End = "(?:$|[,)\\]-]| (?:and|you|that (?:you|were)|given|which|above|instead|immediately|completely|entirely|from now|in this (?:chat|conversation|prompt|context|session)|because|as (?:they|you|an?)|then|or|but|while|when)\\b)";

    private static readonly SearchValues<string> Verbs = Words("ignore ", "disregard", "forget ", "override ", "overrule ", "bypass ", "discard ", "drop ");
    private static readonly SearchValues<string> Dismissed = Words(
        "instruction", "prompt", "directive", "guideline", "rules", "command", "programming", "restriction", "constraint", "safety ", "system ", "everything ", "all ");

    private static readonly SearchValues<string> Marks = Words("<|", "inst]", "<<sys>>", "<</sys>>");
    private static readonly SearchValues<string> Speakers = Words("system:", "system]", "system>", "system prompt", "system message", "system instruction", "system override", "system update", "system note", "system-", "system_", "system reminder", "instructions>", "instructions:", "instruction:", "developer", "admin");
    private static readonly SearchValues<string> Lasting = Words(" now ", " now,", " from now", "henceforth");
    private static readonly SearchValues<string> Addressed = Words("you ", "assistant", "ai ", "bot ", "model ", "agent");
    private static readonly SearchValues<string> Readers = Words("the user", "the human", "the end");
    private static readonly SearchValues<string> Tellings = Words("tell", "inform", "alert", "notify", "reveal", "mention", "disclose", "show");

    public static bool AreIn(string text)
    {
        if (HasHidden(text))
        {
            return true;
        }

        // Most texts have none of the words without which a form is none: to look for these costs next to nothing.
        var scanned = text.Length > LongestScanned ? text[..LongestScanned] : text;
        if (scanned.Contains("](", StringComparison.Ordinal) && Exfiltration().IsMatch(scanned))
        {
            return true;
        }

        var mayDismiss = Has(scanned, Verbs) && Has(scanned, Dismissed);
        var mayForge = Has(scanned, Marks) || Has(scanned, Speakers);
        var mayOrder = Has(scanned, Lasting) && Has(scanned, Addressed);
        var mayHush = Has(scanned, Readers) && Has(scanned, Tellings);
        if (!mayDismiss && !mayForge && !mayOrder && !mayHush)
        {
            return false;
        }

        var plain = Fences().Replace(scanned, "\n").Replace('\u2019', '\'');
        return (mayForge && (RoleToken().IsMatch(plain) || RoleLine().IsMatch(plain)))
            || ((mayDismiss || mayOrder || mayHush) && Sentences.Of(plain).Any(IsOrder));
    }

    private static bool Has(string text, SearchValues<string> words) => text.AsSpan().ContainsAny(words);

    private static SearchValues<string> Words(params ReadOnlySpan<string> words) => SearchValues.Create(words, StringComparison.OrdinalIgnoreCase);

    /// <summary>Characters that nobody sees and a model reads: tags outside of a flag, and runs that are no part of a script or a picture.</summary>
    private static bool HasHidden(string text)
    {
        var run = 0;
        var isFlag = false;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c < '\u00ad')
            {
                run = 0;
                isFlag = false;
                continue;
            }

            if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                var point = char.ConvertToUtf32(c, text[++i]);
                switch (point)
                {
                    case >= 0xe0000 and <= 0xe007f when !isFlag:
                        return true;
                    case >= 0xe0000 and <= 0xe007f:
                        break;
                    case >= 0xe0100 and <= 0xe01ef:
                        run++;
                        break;
                    default:
                        run = 0;
                        isFlag = point == 0x1f3f4;
                        break;
                }
            }
            else
            {
                isFlag = false;
                run = c is >= '\u200b' and <= '\u200f' or >= '\u2060' and <= '\u2064' or '\ufeff' or '\u180e' or >= '\ufe00' and <= '\ufe0f'
                    || CharUnicodeInfo.GetUnicodeCategory(c) is UnicodeCategory.Format && c != '\u00ad' ? run + 1 : 0;
            }

            if (run >= FewestHidden)
            {
                return true;
            }
        }

        return false;
    }

    [GeneratedRegex(@"```[^`]*```|`[^`\n]*`", Usual)]
    private static partial Regex Fences();

    private static bool IsOrder(string sentence) =>
        (Dismissal().IsMatch(sentence) && (OfWhatCameBefore().IsMatch(sentence) || OfWhatWasGiven().IsMatch(sentence) || OfEverything().IsMatch(sentence)))
        || StandingOrder().IsMatch(sentence) || Secrecy().IsMatch(sentence);

    [GeneratedRegex("^(?:you (?:must|should|will|are to) )?(?:ignore|disregard|forget|override|overrule|bypass|discard|drop) ", Usual)]
    private static partial Regex Dismissal();

    /// <summary>"… all previous instructions".</summary>
    [GeneratedRegex($"^[a-z ]*?(?:ignore|disregard|forget|override|overrule|bypass|discard|drop) (?:completely |entirely )?(?:(?:all|any|every|each|everything|all of|any of) )?(?:of )?(?:(?:your|the|these|those) )?{Before} (?:(?:and|or) {Before} )?(?:system |safety )?{Orders}(?: (?:and|or) {Orders})?{End}", Usual)]
    private static partial Regex OfWhatCameBefore();

    /// <summary>"… your instructions", "… the system prompt", "… all rules you were given".</summary>
    [GeneratedRegex($"^[a-z ]*?(?:ignore|disregard|forget|override|overrule|bypass|discard|drop) (?:completely |entirely )?(?:(?:all|any|all of) (?:of )?(?:(?:your|the) )?{Orders} (?:above|before this|you (?:were|have been|got|received)|given)|your (?:(?:system|safety|current|own) )*{Orders}{End}|(?:the|your|any|all) system (?:prompt|message|instructions?){End})", Usual)]
    private static partial Regex OfWhatWasGiven();

    /// <summary>"… everything you were told", "… everything above" where that is all, or an order follows.</summary>
    [GeneratedRegex("^[a-z ]*?(?:ignore|disregard|forget) (?:everything|all) (?:that )?(?:you (?:were|have been|are) (?:told|instructed)|(?:above|before this)(?:$|,? (?:and|then|instead|you|just|only)))", Usual)]
    private static partial Regex OfEverything();

    /// <summary>The marks between the turns of a model's own prompt, where only a program would write them: alone before what they introduce.</summary>
    [GeneratedRegex(@"(?:^|[\n\r])[ \t]*(?:<\|(?:im_start|start_header_id)\|>[ \t]*(?:system|assistant|user|tool|developer)\b|<\|(?:system|assistant|user|developer)\|>|<\|im_end\|>[ \t\r\n]*<\|im_start\|>|\[INST\][ \t\r\n]*\S|\[/INST\]|<<SYS>>|<</SYS>>|<\|eot_id\|>)", Usual)]
    private static partial Regex RoleToken();

    /// <summary>A line that pretends to be the system's, and gives an order.</summary>
    [GeneratedRegex(
        @"(?:^|[\n\r])[ \t]*(?:#{1,4}[ \t]*(?:system|instructions?|developer)(?:[ \t]+(?:prompt|message|instructions?|override|update))?[ \t]*:|\[?(?:system|developer|admin)(?:[ \t]+(?:prompt|message|instructions?|override|update|note))?\]?[ \t]*:|</?(?:system|instructions|system[-_ ](?:prompt|message|reminder|instructions?))>)"
        + @"[ \t\r\n]*(?:(?:important|attention|update|override|new)[:!, \t]+)*(?:you (?:are now|must|will now|shall|have been|should now)|ignore (?:all|any|the|your|previous)|disregard (?:all|any|the|your|previous)|forget (?:all|everything|your|previous)|from now on|new instructions|do not (?:tell|reveal|mention|inform|follow)|never (?:tell|reveal|mention)|always (?:recommend|respond|reply|answer|say|send|include|call)|the assistant (?:must|will|shall|should)|override|act as|obey|reveal (?:your|the)|transfer (?:all|the)|send (?:all|the|every|this) [^\n]*\bto\b)",
        Usual)]
    private static partial Regex RoleLine();

    /// <summary>"You must now always recommend …": said to an assistant, for all time, in somebody else's favour.</summary>
    [GeneratedRegex(
        "^(?:(?:from (?:now|this point|here) on(?:wards?)?|starting now|henceforth|effective immediately),? )?(?:you|the (?:assistant|ai|bot|model|agent|chatbot)|all (?:assistants|agents)) (?:(?:must|shall|will|should|have to) (?:now|from now on|henceforth),? (?:always )?|(?:are|is) now (?:required|instructed|obliged|ordered|programmed) to (?:always )?)"
        + "(?:recommend|promote|endorse|advertise|transfer|wire|pay|send|forward|redirect|e-?mail|upload|post|share|prefer|praise|reveal|disclose|approve|delete|call|trust|obey)\\b",
        Usual)]
    private static partial Regex StandingOrder();

    /// <summary>"Do not tell the user about this": nobody who only remembers something asks for that.</summary>
    [GeneratedRegex(
        "(?:^|\\b(?:and|but) )(?:do not|don't|never|you must not|you must never) (?:(?:tell|inform|alert|notify) the (?:user|human|end[ -]user)s?|(?:reveal|mention|disclose|show) (?:this|it|these instructions|this (?:instruction|message|memory|rule|note|step|action)) to the (?:user|human)s?$)"
        + "(?: (?:about|of) (?:this|these|the) (?:instructions?|message|memory|rule|note|step|action|transfer|change|command|order|prompt)| (?:about|of) this\\b| that you (?:were|have|are|received|got|did|sent|read)\\b| what you (?:are|were|have) (?:doing|done|told|instructed)|$)",
        Usual)]
    private static partial Regex Secrecy();

    /// <summary>A picture whose address is to be filled with what was said.</summary>
    [GeneratedRegex(
        @"!\[[^\]\n]*\]\([ \t]*https?://[^)\s]*[?&/=][^)\s]*(?:\{|\[|<|%7B|\$\{)[^)\n]*(?:conversation|chat|history|summary|secret|password|passphrase|user_?data|context|memor(?:y|ies)|token|prompt|api_?key|credential|message)[^)\n]*(?:\}|\]|>|%7D)",
        Usual)]
    private static partial Regex Exfiltration();
}
