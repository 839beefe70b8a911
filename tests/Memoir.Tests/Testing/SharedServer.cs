namespace Memoir.Tests.Testing;

/// <summary>One server for a class of tests that only look at single answers.</summary>
public sealed class SharedServer : IAsyncLifetime
{
    internal TestApp App { get; private set; } = null!;

    public async ValueTask InitializeAsync() => App = await TestApp.StartAsync(TestEngines.Current);

    public ValueTask DisposeAsync() => App.DisposeAsync();
}
