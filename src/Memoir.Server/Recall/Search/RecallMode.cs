namespace Memoir.Server.Recall.Search;

/// <summary>Which evidence a search goes by: words, meaning, or both.</summary>
internal enum RecallMode
{
    Hybrid,
    Lexical,
    Semantic,
}
