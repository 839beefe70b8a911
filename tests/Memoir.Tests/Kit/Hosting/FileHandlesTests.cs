using Memoir.Kit.Hosting;

namespace Memoir.Tests.Kit.Hosting;

/// <summary>Connections leave the process handles to live on; tests/faults shows it on the real program.</summary>
public sealed class FileHandlesTests
{
    [Theory]
    [InlineData("20000", 19_232)]
    [InlineData("1536", 768)]
    [InlineData("1024", 512)]
    [InlineData("64", 32)]
    [InlineData("unlimited", null)]
    public void Connections_leave_the_reserve_or_half_of_a_small_limit(string soft, int? expected)
    {
        string[] limits =
        [
            "Limit                     Soft Limit           Hard Limit           Units     ",
            "Max processes             7823                 7823                 processes ",
            $"Max open files            {soft,-20} 524288               files     ",
        ];

        Assert.Equal(expected, FileHandles.ConnectionLimit(limits));
    }

    [Fact]
    public void A_system_that_tells_no_limit_sets_none() =>
        Assert.Null(FileHandles.ConnectionLimit(["Max processes             7823                 7823                 processes "]));
}
