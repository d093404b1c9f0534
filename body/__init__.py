"""The human body as geometry: joints, rotations, cameras, the SMPL-format body, motion files, drawing."""
