Console.WriteLine("usage: dotnet run -c Release --project bench/Memoir.Bench -- <command>");
