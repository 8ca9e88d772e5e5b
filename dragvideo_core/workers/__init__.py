"""Workers: further processes on this machine that make a stage together with the one that starts them, one for each device."""
