using Memoir.Bench;

switch (args)
{
    case ["vector-speed", .. var rest]:
        VectorSpeed.Run(rest);
        break;
    default:
        Console.WriteLine("usage: dotnet run -c Release --project bench/Memoir.Bench -- <command>");
        Console.WriteLine("  vector-speed [vectors] [dimensions]   speed and recall of the vector scan, speed of the builtin embedder");
        break;
}
