using Memoir.Server.Backups;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Backups;

public sealed class ErasureNotesTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("memoir-data-").FullName;
    private readonly string _backups = Directory.CreateTempSubdirectory("memoir-notes-").FullName;

    public void Dispose()
    {
        Directory.Delete(_data, recursive: true);
        Directory.Delete(_backups, recursive: true);
    }

    [Fact]
    public async Task Neither_copy_forgets_a_line_of_the_other()
    {
        await File.WriteAllTextAsync(Notes(_data), "one\n\ntwo\n", Ct);
        await ErasureNotes.BringAsync(_data, _backups, Ct);
        await File.WriteAllTextAsync(Notes(_data), "three\n", Ct); // Another machine, after a restore.

        await ErasureNotes.BringAsync(_data, _backups, Ct);
        await ErasureNotes.BringAsync(_backups, _data, Ct);

        Assert.Equal(["one", "two", "three"], await File.ReadAllLinesAsync(Notes(_backups), Ct));
        Assert.Equal(["three", "one", "two"], await File.ReadAllLinesAsync(Notes(_data), Ct));
        Assert.Equal(Memoir.Kit.Files.DurableFiles.Private, BackupFixture.ModeOf(Notes(_backups)));
    }

    [Fact]
    public async Task Without_erasures_there_is_no_file()
    {
        await ErasureNotes.BringAsync(_data, _backups, Ct);

        Assert.Empty(Directory.GetFiles(_backups));
    }

    private static string Notes(string folder) => Path.Combine(folder, ErasureNotes.FileName);
}
