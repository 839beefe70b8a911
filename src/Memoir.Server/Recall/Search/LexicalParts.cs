namespace Memoir.Server.Recall.Search;

/// <summary>What a memory's lexical relevance is made of; the normalised sum is <see cref="Similarity"/>.</summary>
internal readonly record struct LexicalParts(float Own, float Window, float Neighbours, float Conversation, float Similarity);
