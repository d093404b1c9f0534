"""The human body as geometry: joints by name, rotations, cameras, the SMPL-format body, motion files, drawing."""
