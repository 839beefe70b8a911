using Memoir.Kit.Limits;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Kit.Limits;

/// <summary>Several processes that are asked for far more than a limit allows, and what they let in together.</summary>
internal static class Admissions
{
    private const int Clients = 50;

    /// <summary>The most that were admitted in any stretch of so many seconds, wherever it begins.</summary>
    public static int MostIn(IReadOnlyList<double> admitted, double seconds)
    {
        var most = 0;
        for (int first = 0, last = 0; last < admitted.Count; last++)
        {
            while (admitted[last] - admitted[first] >= seconds)
            {
                first++;
            }

            most = Math.Max(most, last - first + 1);
        }

        return most;
    }

    /// <summary>Each process is asked by 50 clients at once, again and again.</summary>
    /// <param name="processes">What hands out the permits in each; asked for anew at every step, since one may be restarted.</param>
    /// <param name="bucket">Whose permits.</param>
    /// <param name="steps">How often.</param>
    /// <param name="advanceAsync">Lets time pass behind step i, and says how many seconds.</param>
    public static async Task<List<double>> FloodAsync(Func<IReadOnlyList<IPermits>> processes, RateBucket bucket, int steps, Func<int, Task<double>> advanceAsync)
    {
        var now = 0.0;
        List<double> admitted = [];
        for (var step = 0; step < steps; step++)
        {
            var asked = processes().SelectMany(process => Enumerable.Range(0, Clients).Select(_ => process.TakeAsync(bucket, Ct).AsTask()));
            var granted = (await Task.WhenAll(asked)).Count(standing => standing.IsGranted);
            admitted.AddRange(Enumerable.Repeat(now, granted));
            foreach (var process in processes())
            {
                await process.TidyAsync(Ct);
            }

            now += await advanceAsync(step);
        }

        return admitted;
    }
}
