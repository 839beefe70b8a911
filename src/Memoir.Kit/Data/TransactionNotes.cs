namespace Memoir.Kit.Data;

/// <summary>What the closures of one transaction tell each other: one thing of each type.</summary>
public sealed class TransactionNotes
{
    private readonly Dictionary<Type, object> _notes = [];

    public T? Find<T>()
        where T : class => (T?)_notes.GetValueOrDefault(typeof(T));

    public void Keep<T>(T note)
        where T : class => _notes[typeof(T)] = note;

    public void Forget<T>()
        where T : class => _notes.Remove(typeof(T));
}
