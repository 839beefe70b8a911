namespace Memoir.Server.Recall.Search;

/// <summary>One distinct word of a question: its term, how it was written, and how often it occurs there.</summary>
internal readonly record struct QueryTerm(ulong Term, string Word, int Count);
