using System.Globalization;
using static Mamba.Broker.Journal.Tests.JournalTestExtensions;

namespace Mamba.Broker.Journal.Tests;

/// <summary>
/// What a child process of a test does: <c>append FOLDER COUNT</c> stores records one after another and prints "stored N",
/// "refused N" or "failed N" for each; <c>hold FOLDER</c> opens the journal, prints "open" and waits for its input to end;
/// <c>measure FOLDER</c> is <see cref="Measure"/>.
/// </summary>
internal static class ChildProgram
{
    private static async Task<int> Main(string[] arguments)
    {
        if (arguments is not [var command, var folder, ..])
        {
            await Console.Error.WriteLineAsync("This is a test assembly; run it with dotnet test.");
            return 2;
        }

        if (command == "measure")
        {
            Measure.Run(folder);
            return 0;
        }

        using var journal = Journal.Open(new JournalOptions { Directory = folder, SegmentSize = 64 * 1024 }, new Replayed());
        Console.WriteLine("open");
        if (command == "hold")
        {
            await Console.In.ReadToEndAsync();
            return 0;
        }

        var first = journal.Recovery.Records;
        for (var i = 0; i < int.Parse(arguments[2], CultureInfo.InvariantCulture); i++)
        {
            Console.WriteLine($"{await Append(journal, (int)first + i)} {first + i}");
        }

        Console.WriteLine($"has failed: {journal.HasFailed}");
        return 0;
    }

    private static async Task<string> Append(Journal journal, int id)
    {
        try
        {
            await journal.Store(Payload(id, 1000));
            return "stored";
        }
        catch (JournalFullException)
        {
            return "refused";
        }
        catch (JournalFailedException)
        {
            return "failed";
        }
    }
}
