"""How the detector learns: labelled images become chips, chips become weights."""
