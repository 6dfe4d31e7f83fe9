namespace Mamba.Broker.Host.Commands;

/// <summary>What the process says at its end.</summary>
internal static class ExitCode
{
    public const int Success = 0;

    /// <summary>Something failed while running: the message on standard error says what.</summary>
    public const int Runtime = 1;

    /// <summary>A setting, an option or an argument is wrong: each is named on standard error with its remedy.</summary>
    public const int Configuration = 2;
}
