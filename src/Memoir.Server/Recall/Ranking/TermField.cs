namespace Memoir.Server.Recall.Ranking;

/// <summary>Where a query's word was found: in what was said, in who said it, or in when.</summary>
internal enum TermField : byte
{
    Text,
    Speaker,
    Date,
}
