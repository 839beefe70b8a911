using Memoir.Kit.Files;

namespace Memoir.Tests.Kit.Files;

public sealed class PartialFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-partial-").FullName;

    private string Target => Path.Combine(_folder, "long");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void It_has_its_name_only_when_it_is_complete()
    {
        using (var file = PartialFile.Create(Target))
        {
            file.Stream.Write("all"u8);
            Assert.Equal([Target + PartialFile.Ending], Directory.GetFiles(_folder));
            file.Complete();
        }

        Assert.Equal([Target], Directory.GetFiles(_folder));
        Assert.Equal("all", File.ReadAllText(Target));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(DurableFiles.Private, File.GetUnixFileMode(Target));
        }
    }

    [Fact]
    public void One_that_was_given_up_leaves_nothing()
    {
        using (var file = PartialFile.Create(Target))
        {
            file.Stream.Write("half"u8);
        }

        Assert.Empty(Directory.GetFiles(_folder));
    }

    [Fact]
    public void Nothing_is_overwritten()
    {
        File.WriteAllText(Target, "mine");

        Assert.Throws<IOException>(() => PartialFile.Create(Target));

        Assert.Equal("mine", File.ReadAllText(Target));
    }

    [Fact]
    public void A_file_that_came_up_meanwhile_is_not_overwritten_either()
    {
        using (var file = PartialFile.Create(Target))
        {
            File.WriteAllText(Target, "mine");
            Assert.Throws<IOException>(file.Complete);
        }

        Assert.Equal("mine", File.ReadAllText(Target));
        Assert.Equal([Target], Directory.GetFiles(_folder));
    }

    [Fact]
    public void What_a_writer_left_is_removed_and_what_one_holds_is_not()
    {
        var left = Path.Combine(_folder, "left.partial");
        File.WriteAllText(left, "half");
        using var held = PartialFile.Create(Target);

        Assert.True(PartialFile.TryRemove(left));
        Assert.False(PartialFile.TryRemove(Target + PartialFile.Ending));

        Assert.Equal([Target + PartialFile.Ending], Directory.GetFiles(_folder));
    }

    [Fact]
    public void One_takes_the_place_of_what_a_writer_left_and_not_of_what_one_writes()
    {
        File.WriteAllText(Target + PartialFile.Ending, "half of another, and longer");
        using (var file = PartialFile.Create(Target))
        {
            file.Stream.Write("all"u8);
            Assert.Throws<IOException>(() => PartialFile.Create(Target));
            file.Complete();
        }

        Assert.Equal("all", File.ReadAllText(Target));
    }
}
