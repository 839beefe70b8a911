namespace Memoir.Tests.Testing;

/// <summary>The engines that every behaviour is tested on, each by a project of its own over the same files.</summary>
public enum TestEngine
{
    Sqlite,
    Postgres,
}

/// <summary>Which engine this build of the tests is for.</summary>
public static class TestEngines
{
#if POSTGRES
    public static TestEngine Current => TestEngine.Postgres;
#else
    public static TestEngine Current => TestEngine.Sqlite;
#endif

    /// <summary>Theory data: names the engine in the test's name.</summary>
    public static TheoryData<TestEngine> All => [Current];
}
