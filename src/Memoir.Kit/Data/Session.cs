namespace Memoir.Kit.Data;

/// <summary>
/// The only way to a table: one transaction, bound to one tenant (or to none, for the closed list of cross-tenant work).
/// The tenant parameter <c>@Tenant</c> is added here, never by the caller. One SQL statement per command, the same text on
/// every engine; <c>IN @list</c> takes a list.
/// </summary>
public abstract class Session
{
    private List<Action>? _afterCommit;
    private bool _ended;

    private protected Session(Tenant? tenant, bool mayWrite, TransactionNotes notes)
    {
        BoundTenant = tenant;
        MayWrite = mayWrite;
        Notes = notes;
    }

    /// <exception cref="InvalidOperationException">This is a system session; it has no tenant.</exception>
    public Tenant Tenant => BoundTenant ?? throw new InvalidOperationException("This is a system session; it has no tenant.");

    /// <summary>The few words that the engines do not share.</summary>
    public abstract Dialect Dialect { get; }

    /// <summary>What was read in this transaction and nobody else can change before its end, for the tenant's other writes wait for it.</summary>
    public TransactionNotes Notes { get; }

    /// <summary>Whether <see cref="AssumeAsync"/> saves a trip here; false as well when the closure runs again because it had assumed wrongly.</summary>
    public bool MayAssume { get; init; }

    /// <summary>The traced write that this session belongs to, as a <c>traceparent</c>; null when nobody traces it.</summary>
    internal string? TraceParent { get; init; }

    internal IReadOnlyList<Action> Commits => _afterCommit ?? [];

    private protected Tenant? BoundTenant { get; }

    private protected bool MayWrite { get; }

    /// <summary>Runs one INSERT, UPDATE or DELETE and tells how many rows it changed.</summary>
    public abstract Task<int> ExecuteAsync(string sql, object args);

    /// <summary>
    /// Runs one statement that changes data and whose outcome the closure does not ask for. An engine across a network
    /// may hold it back until something is asked, or until the commit: it then costs no trip of its own.
    /// </summary>
    public abstract Task SendAsync(string sql, object args);

    /// <summary>
    /// Runs an INSERT of one row, <c>INSERT INTO … VALUES (@Tenant, @Name, …)</c>, for each of many, as <see cref="SendAsync"/>
    /// runs one. An engine across a network may make a single statement of them: a conflict clause must not meet two rows
    /// of one call.
    /// </summary>
    public abstract Task SendManyAsync<T>(string sql, IReadOnlyList<T> rows)
        where T : class;

    /// <summary>
    /// Goes on as if <paramref name="sql"/>, which counts rows, answered 1: the engine makes sure before it commits, and runs
    /// the closure again without such liberties where it is not so. Only where <see cref="MayAssume"/> allows it.
    /// </summary>
    public virtual Task AssumeAsync(string sql, object args) => throw new InvalidOperationException("Nothing is gained by assuming here.");

    /// <summary>
    /// Says what was so before this transaction and is not so once it is kept: <paramref name="sql"/> counts rows, and answers
    /// 1 before. Where a connection breaks during the commit the engine finds out by it, and runs again what was not kept.
    /// </summary>
    public virtual void NoteBefore(string sql, object args)
    {
        // Without a network a commit is known to have succeeded or failed.
    }

    /// <summary>The first column of the first row as a number, or null. Also serves <c>… RETURNING</c>.</summary>
    public abstract Task<long?> ScalarAsync(string sql, object args);

    /// <summary>The only row, or null.</summary>
    public abstract Task<T?> FindAsync<T>(string sql, object args)
        where T : class;

    public abstract Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object args);

    /// <summary>Reads rows until they weigh enough; one row comes whatever it weighs.</summary>
    public abstract Task<Portion<T>> QueryPortionAsync<T>(string sql, object args, Func<T, long> weightOf, long most);

    /// <summary>Reads row by row without holding them all; <paramref name="read"/> must not keep the row.</summary>
    public abstract Task ScanAsync(string sql, object args, Action<SqlRow> read);

    /// <summary>
    /// Runs in commit order, after the commit and before the answer: for caches and signals that must never be ahead of
    /// the data. It must not throw and must not wait.
    /// </summary>
    public void AfterCommit(Action action)
    {
        RequireWrite();
        (_afterCommit ??= []).Add(action);
    }

    /// <summary>The closure is over; whoever kept the session can do nothing more with it.</summary>
    internal void End() => _ended = true;

    private protected virtual void RequireOpen()
    {
        if (_ended)
        {
            throw new InvalidOperationException("A session lives as long as its closure, which awaits nothing else when it writes.");
        }
    }

    private protected void RequireWrite()
    {
        if (!MayWrite)
        {
            throw new InvalidOperationException("A reading session cannot write.");
        }
    }

    /// <summary>Rows become a portion: once it is full the rest is not read.</summary>
    private protected static bool IsFull<T>(List<T> items, T row, Func<T, long> weightOf, long most, ref long weight)
    {
        items.Add(row);
        weight += weightOf(row);
        return weight >= most;
    }
}
