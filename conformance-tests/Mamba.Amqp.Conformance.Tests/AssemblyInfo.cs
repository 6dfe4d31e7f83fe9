// Cases wait for the broker most of the time; none shares anything with another.
[assembly: LevelOfParallelism(8)]
