"""What trains: TRL's two trainers, and the supervision of OpenRLHF's."""


class GRPOError(ValueError):
    """A run that cannot be started; the message names the file, option or package and the way out."""
