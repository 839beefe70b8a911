using Memoir.Bench;
using Memoir.Bench.Hosts;
using Memoir.Bench.Limits;
using Memoir.Bench.Service;

// The load client runs its continuations on the one thread that polls the sockets: it shares two cores with the server it measures.
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT", "1");

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};

return args switch
{
    ["service", .. var rest] => await ServiceCommand.RunAsync(rest, stop.Token),
    [BaselineHost.Command, var port] => await BaselineHost.RunAsync(port, stop.Token),
    ["recall-offline", var set, .. var rest] => RecallOffline.Run(set, rest),
    ["recall-ablation", var set, .. var rest] => RecallAblation.Run(set, rest),
    ["recall-fusion", var set, .. var rest] => RecallFusion.Run(set, rest),
    ["recall-speed", .. var rest] => RecallSpeed.Run(rest),
    ["recall-load", var folder] => RecallLoad.Run(folder),
    ["vector-speed", .. var rest] => RunVectorSpeed(rest),
    ["full-text", .. var rest] => RunFullText(rest),
    _ => Usage(),
};

static int RunVectorSpeed(string[] rest)
{
    VectorSpeed.Run(rest);
    return 0;
}

static int RunFullText(string[] rest)
{
    var options = ServiceOptions.Parse(rest);
    return options.DatabaseUrl is { } url ? FullTextSearch.Run(url, options.Sizes) : Usage();
}

static int Usage()
{
    Console.Error.WriteLine(
        """
        usage: dotnet run -c Release --project bench/Memoir.Bench -- <command>

          service [--sizes 1k,10k,100k] [--tenants 1,100] [--quick] [--url URL --api-key KEY] [--server DLL]
                  [--database postgresql://… [--admin postgresql://…] [--both]] [--out FILE] [--table NAME]
              stores and searches through a running server, beside the machine's own limits; on PostgreSQL in databases
              that the role of --admin makes and drops; --both: on SQLite too, both beside each other
          recall-offline SET.json [--half 0|1] [--param Name=value ...]   recall of a question set, without a server
          recall-ablation SET.json [--half 0|1]                           what each step of the recipe brings
          recall-fusion SET.json [--half 0|1]                             words together with the builtin vectors, by weight and floor
          recall-speed [N] [FOLDER]                                       build, load and search times at N memories
          recall-load FOLDER                                              loading the segments that recall-speed N FOLDER kept
          vector-speed [vectors] [dimensions]                             speed and recall of the vector scan
          full-text --database postgresql://… [--sizes 1k,10k,100k]       what PostgreSQL's own full text search gives, with a role that makes databases
        """);
    return 64;
}
