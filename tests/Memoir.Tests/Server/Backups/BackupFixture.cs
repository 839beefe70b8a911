using Memoir.Kit;
using Memoir.Kit.CommandLine;
using Memoir.Kit.Files;
using Memoir.Kit.Security;
using Memoir.Server;
using Memoir.Server.Backups;
using Memoir.Server.Commands;
using Memoir.Server.Commands.Backups;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Backups;

/// <summary>Backups of a server in memory, and the commands run without a process of their own.</summary>
internal static class BackupFixture
{
    public static string KeyFile(this TestApp server) => Path.Combine(server.Folder, InstanceKeys.FileName);

    /// <summary>A backup of the server's database at a path.</summary>
    public static Task BackUpAsync(this TestApp server, string path) =>
        server.Services.GetRequiredService<BackupMaker>().MakeAsync(path, (_, _) => { }, Ct);

    /// <summary>Restores a backup into a file, beside the data of the key.</summary>
    public static Task<Ending> RestoreAsync(string backup, string keyFile, string target) =>
        RestoreInAsync(Path.GetDirectoryName(keyFile)!, backup, keyFile, target);

    /// <summary>The same with a data folder of its own, as on another machine.</summary>
    public static Task<Ending> RestoreInAsync(string data, string backup, string keyFile, string target) =>
        RunAsync(RestoreCommand.Definition, data, "--from", backup, "--key-file", keyFile, "--to", $"sqlite:///{target}");

    private static async Task<Ending> RunAsync(Command command, string data, params string[] arguments)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        var startup = new Startup(builder =>
        {
            builder.AddKit();
            builder.AddBackups();
            builder.Configuration["Memory:DataDirectory"] = data;
        }, _ => { });
        var around = new Surroundings(new Terminal(output, errors, colours: false, moves: false, TimeProvider.System), startup, TimeProvider.System);
        try
        {
            var code = await command.RunAsync(Arguments.Parse(arguments, command.Options), around, Ct);
            return new Ending(code, output.ToString(), errors.ToString());
        }
        catch (CommandException refusal)
        {
            return new Ending(refusal.Code, output.ToString(), errors + refusal.Message);
        }
    }

    public static UnixFileMode ModeOf(string path) => OperatingSystem.IsWindows() ? DurableFiles.Private : File.GetUnixFileMode(path);

    internal sealed record Ending(int Code, string Output, string Errors);
}
