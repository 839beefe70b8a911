namespace Memoir.Server.Recall.Text;

/// <summary>Words that say nothing about what a memory is about: articles, pronouns, auxiliaries, question words, contractions.</summary>
internal static class StopWords
{
    private const string English =
        "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with " +
        "i me my we our you your he him his she her its them what which who whom when where why how do does did doing done has have had " +
        "having am were been being can could would should may might shall from about so than too very s t don just now up out over under " +
        "again once here all any both each few more most other some own same only us mine yours ours hers theirs myself yourself himself " +
        "herself itself ourselves themselves yourselves whose must ought also because while until during ever else " +
        "im ive id ill youre youve youd youll hes shes weve wed theyre theyve theyd theyll dont doesnt didnt isnt arent wasnt werent " +
        "cant couldnt wont wouldnt shouldnt hasnt havent hadnt aint whats wheres whos hows thats theres lets d ll m re ve";

    private static readonly HashSet<string> Words = [.. English.Split(' ')];

    private static readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> Lookup =
        Words.GetAlternateLookup<ReadOnlySpan<char>>();

    public static bool Contains(ReadOnlySpan<char> word) => Lookup.Contains(word);
}
