using Memoir.Server.Recall.Index;

namespace Memoir.Server.Recall.Search;

/// <summary>Which memories of the scope may be hits. The others never take a hit's place; they only lift their neighbours.</summary>
internal sealed class Selection(IndexView view, RecallRequest request)
{
    private readonly long _now = Analyzer.Micros(request.Scope.Now);
    private readonly int _type = request.Type is { } type ? view.Types.Find(type)?.Number ?? -2 : -1;

    /// <summary>Whether every memory may be a hit, so that nothing need be asked.</summary>
    public bool IsEverything { get; } = request.Role is null && request.Type is null && request.ImportanceMin is null;

    public bool Allows(int ordinal) =>
        IsEverything
        || ((request.Role is not { } role || view.Columns.Role[ordinal] == role)
            && (_type == -1 || view.Columns.Type[ordinal] == _type)
            && (request.ImportanceMin is not { } minimum || ImportanceOf(ordinal) >= minimum));

    /// <summary>The importance now.</summary>
    public float ImportanceOf(int ordinal)
    {
        var type = view.Columns.Type[ordinal];
        var parts = new MemoryParts(
            view.Columns.Importance[ordinal],
            float.IsNaN(view.Columns.ImportanceOverride[ordinal]) ? null : view.Columns.ImportanceOverride[ordinal],
            view.Columns.OccurredAt[ordinal],
            view.Columns.Role[ordinal],
            type < 0 ? null : view.Types[type].Name);
        return request.ImportanceOf?.Invoke(parts, _now) ?? parts.ImportanceOverride ?? parts.Importance;
    }
}
