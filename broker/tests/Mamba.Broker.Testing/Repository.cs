namespace Mamba.Broker.Testing;

/// <summary>Where the source tree is, for tests that start built programs or read project files.</summary>
public static class Repository
{
    /// <summary>The folder that holds Mamba.Amqp.sln.</summary>
    public static string Root { get; } = Find();

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Mamba.Amqp.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} holds Mamba.Amqp.sln.");
    }
}
