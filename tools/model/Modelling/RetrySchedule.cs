namespace Mamba.Tools.Model.Modelling;

/// <summary>
/// How long failed deliveries wait on queues for it. Always half a second behind a full one, as what is sent with a delay, so that all that
/// falls due while time moves by a second does so at one moment.
/// </summary>
internal static class RetrySchedule
{
    public const int FirstDelay = 1_500;

    /// <summary>Where time passes by itself: longer than any sequence.</summary>
    public const int NeverDelay = 3_600_000;

    public const int Multiplier = 3;

    /// <summary>Milliseconds after so many failures.</summary>
    public static long Delay(int first, int failures) => first * (long)Math.Pow(Multiplier, failures - 1);
}
