using Memoir.Bench;

return args switch
{
    ["recall-offline", var set, .. var rest] => RecallOffline.Run(set, rest),
    ["recall-ablation", var set, .. var rest] => RecallAblation.Run(set, rest),
    ["recall-speed", .. var rest] => RecallSpeed.Run(rest),
    ["vector-speed", .. var rest] => RunVectorSpeed(rest),
    _ => Usage(),
};

static int RunVectorSpeed(string[] rest)
{
    VectorSpeed.Run(rest);
    return 0;
}

static int Usage()
{
    Console.WriteLine("usage: dotnet run -c Release --project bench/Memoir.Bench -- <command>");
    Console.WriteLine("  recall-offline SET.json [--half 0|1] [--param Name=value ...]   recall of a question set, without a server");
    Console.WriteLine("  recall-ablation SET.json [--half 0|1]                           what each step of the recipe brings");
    Console.WriteLine("  recall-speed [N]                                                build, load and search times at N memories");
    Console.WriteLine("  vector-speed [vectors] [dimensions]                             speed and recall of the vector scan");
    return 2;
}
